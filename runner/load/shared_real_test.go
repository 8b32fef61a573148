package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/load/region"
	"tritonsweep/runner/triton"
	"tritonsweep/sweep"

	"tritonsweep/internal/tritonpb/service"
)

// describe reads a model from a server.
func describeReal(t *testing.T, c *triton.Client, name string) Model {
	t.Helper()
	config, err := c.Config(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := service.NewGRPCInferenceServiceClient(c.Conn()).ModelMetadata(t.Context(), &service.ModelMetadataRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewModel(metadata, config)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRealSharedMemory: against the real Triton, in a container that shares this
// machine's memory, tensors of nine outputs and of an output that varies travel in
// shared memory over every transport, every answer that is looked at is right, and
// nothing is left.
func TestRealSharedMemory(t *testing.T) {
	dockertest.Require(t)
	dockertest.ShareMemory(t)
	const nine, varies = "scrfd_10g_bnkps", "paddleocr_rec_trt"
	server := dockertest.Start(t, "none", nine, varies)
	c, err := triton.New(triton.Options{GRPCAddr: server.GRPC()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	regions := &Regions{Server: c}
	if err := regions.Try(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{nine, varies} {
		for _, p := range []Protocol{GRPC, Stream, HTTP} {
			t.Run(fmt.Sprintf("%s %s", model, p), func(t *testing.T) {
				spec := Spec{
					Model: describeReal(t, c, model), Load: sweep.Load{Concurrency: 4, BatchSize: 1}, Regions: regions,
					Data:   Data{Source: Random, Distinct: 3, Shapes: realShapes[model]},
					Warmup: 300 * time.Millisecond, MinDuration: 2 * time.Second, MaxDuration: 2 * time.Second,
					Via: Options{Protocol: p, URL: fmt.Sprintf("http://127.0.0.1:%d", server.HTTPPort)},
				}
				transport, err := spec.Connect(server.GRPC())
				if err != nil {
					t.Fatal(err)
				}
				defer transport.Close()
				r := mustRun(t, transport, spec)
				if r.Requests < 5 || r.Failures() != 0 || r.RequestBytes > 4<<10 {
					t.Errorf("%d requests of %d bytes, %v: %s", r.Requests, r.RequestBytes, r.Errors, r.FirstText)
				}
				if r.Verdict == results.Void && strings.Contains(strings.Join(r.Reasons, " "), "answers") {
					t.Errorf("%v", r.Reasons)
				}
				t.Logf("%s %v: %d requests of %d bytes, answers of %d bytes", r.Verdict, r.Reasons, r.Requests, r.RequestBytes, r.AnswerBytes)
			})
		}
	}
	requireNoRegions(t, c)
}

func requireNoRegions(t *testing.T, server Registrar) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	system, err := server.Regions(ctx)
	device, deviceErr := server.DeviceRegions(ctx)
	if err := errors.Join(err, deviceErr); err != nil || len(system)+len(device) != 0 {
		t.Errorf("the server has %v %v mapped, %v", system, device, err)
	}
	if names, err := region.Reap(region.Dir); err != nil || len(names) != 0 {
		t.Errorf("left in %s: %v, %v", region.Dir, names, err)
	}
}

// TestRealSharedMemoryApart: a container with memory of its own is told so.
func TestRealSharedMemoryApart(t *testing.T) {
	dockertest.Require(t)
	server := dockertest.Start(t, "none", "arcface_w600k_r50")
	c, err := triton.New(triton.Options{GRPCAddr: server.GRPC()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := (&Regions{Server: c}).Try(t.Context()); err == nil || !strings.Contains(err.Error(), "--ipc host") {
		t.Errorf("error %v", err)
	} else {
		t.Log(err)
	}
	requireNoRegions(t, c)
}
