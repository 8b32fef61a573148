package main

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
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

// TestPipelineScripts runs the commands that measure an HTTP API on the example
// gateway in front of a simulated Triton whose models are a hundred times as
// fast as the real ones.
func TestPipelineScripts(t *testing.T) {
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
	commands["ids"] = runIDs
	testscript.Run(t, testscript.Params{
		Dir: "testdata/pipeline", Cmds: commands, RequireExplicitExec: true,
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
	server, err := tritonsim.New(tritonsim.Options{Repository: dir, GPUs: 1, TimeScale: 0.01, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server.Endpoints().GRPC
}
