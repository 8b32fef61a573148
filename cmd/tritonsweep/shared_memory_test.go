package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/load/region"
	"tritonsweep/runner/triton"
)

// TestKilledWithSharedMemory: what a kill -9 leaves in shared memory, the file and
// the server's mapping, goes with the next run on that server.
func TestKilledWithSharedMemory(t *testing.T) {
	testKilledWithSharedMemory(t, startSimulator(t, "arcface_w600k_r50").Endpoints().GRPC, "system", (*triton.Client).Regions)
}

// testKilledWithSharedMemory needs a server with ArcFace, and how to ask it for its
// regions of a kind.
func testKilledWithSharedMemory(t *testing.T, address, kind string, regions func(*triton.Client, context.Context) ([]string, error)) {
	client, err := triton.New(triton.Options{GRPCAddr: address})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mapped := func() []string {
		names, err := regions(client, t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	dir := t.TempDir()
	t.Setenv("TRITONSWEEP_STATE", filepath.Join(dir, "state"))
	t.Setenv("DOCKER_HOST", "unix://"+dir+"/none.sock")
	args := []string{
		"tritonsweep", "bench", "--model", "arcface_w600k_r50", "--grpc-url", address, "--shared-memory", kind,
		"--warmup", "200ms", "--db", filepath.Join(dir, "run.db"), "--duration",
	}
	child := exec.Command(os.Args[0])
	child.Args = append(args, "5m")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	// The region of the trial comes and goes; the one of the load stays.
	var left []string
	before, err := client.Statistics(t.Context(), "arcface_w600k_r50")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(left) == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if stats, err := client.Statistics(t.Context(), "arcface_w600k_r50"); err == nil && stats.Success.Count > before.Success.Count+3 {
			left = mapped()
		}
	}
	if len(left) != 1 || !region.Exists(region.Dir, left[0]) {
		t.Errorf("while it runs the server has %v mapped", left)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if t.Failed() {
		return
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"tritonsweep", "restore"}, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, errs.String())
	}
	if region.Exists(region.Dir, left[0]) { // whoever needs no shared memory removes it too
		t.Errorf("%s is still there", left[0])
	}
	if code := run(t.Context(), append(args, "1s"), strings.NewReader(""), &out, &errs); code != exitOK && code != exitSome {
		t.Fatalf("exit code %d\n%s", code, errs.String())
	}
	if names := mapped(); len(names) != 0 {
		t.Errorf("the server still has %v mapped", names)
	}
}

// TestUnmapDead: a start that removes a killed run's region lets the server unmap it,
// and only it.
func TestUnmapDead(t *testing.T) {
	server := startSimulator(t, "arcface_w600k_r50")
	client, err := triton.New(triton.Options{GRPCAddr: server.Endpoints().GRPC})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var names []string
	for range 2 {
		r, err := region.Create(region.Dir, 4096)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := client.RegisterRegion(t.Context(), r.Name, "/"+r.Name, 4096); err != nil {
			t.Fatal(err)
		}
		names = append(names, r.Name)
	}
	(&target{client: client}).unmapDead(t.Context(), []string{names[0], "tritonsweep-region-elsewhere"})
	mapped, err := client.Regions(t.Context())
	if err != nil || !slices.Equal(mapped, names[1:]) {
		t.Errorf("mapped are %v, %v", mapped, err)
	}
}
