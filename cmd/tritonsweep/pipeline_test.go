package main

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tritonsweep/examples"
	"tritonsweep/examples/pipeline/gateway"
	"tritonsweep/examples/pipeline/pictures"
	"tritonsweep/runner/tritonsim"
)

// TestPipelineScripts runs the commands that measure an HTTP API.
func TestPipelineScripts(t *testing.T) { gatewayScripts(t, "testdata/pipeline") }

// TestPipelineSweepScripts runs sweeps whose load an API takes, on a server of
// their own, since they change its models.
func TestPipelineSweepScripts(t *testing.T) { gatewayScripts(t, "testdata/pipeline-sweep") }

// gatewayScripts runs scripts beside the example gateway, in front of a simulated
// Triton whose models are a hundred times as fast as the real ones.
func gatewayScripts(t *testing.T, dir string) {
	grpc := quickTriton(t)
	g, err := gateway.New(gateway.Options{Triton: grpc, Assume: 1})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(g.Handler())
	t.Cleanup(func() {
		api.Close()
		_ = g.Close()
	})
	commands := maps.Clone(scriptCommands)
	commands["ids"], commands["envsubst"] = runIDs, substitute
	testscript.Run(t, testscript.Params{
		Dir: dir, Cmds: commands, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("API", api.URL)
			e.Setenv("TRITON", grpc)
			if err := pictures.Write(filepath.Join(e.WorkDir, "pictures"), 3, 64, 48); err != nil {
				return err
			}
			return environment(e)
		},
	})
}

// runIDs sets $RUN1, $RUN2, ... to the runs that runs.txt lists, the first one
// first.
func runIDs(ts *testscript.TestScript, _ bool, _ []string) {
	ids := regexp.MustCompile(`(?m)^\d{8}-\d{6}-\w+`).FindAllString(ts.ReadFile("runs.txt"), -1)
	slices.Sort(ids) // they begin with the time of their start
	for i, id := range ids {
		ts.Setenv(fmt.Sprintf("RUN%d", i+1), id)
	}
}

// quickTriton starts a simulated server of the example deployment and returns
// its gRPC address.
func quickTriton(t *testing.T) string {
	t.Helper()
	source, err := fs.Sub(examples.Models, "models")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := copyModels(dir, source); err != nil {
		t.Fatal(err)
	}
	server, err := tritonsim.New(tritonsim.Options{Repository: dir, Control: tritonsim.ControlExplicit, GPUs: 1, TimeScale: 0.01, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server.Endpoints().GRPC
}

// substitute replaces the variables in a file: a spec must name an address that
// only the test knows.
func substitute(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: envsubst FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}
