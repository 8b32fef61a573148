package fidelity

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/triton"
)

// standIn is the model that takes its times from a profile.
const standIn = "arcface_w600k_r50"

// standInCode is its file, which the models here run.
const standInCode = "../../examples/models/" + standIn + "/1/model.py"

// place is a real Triton in model control mode explicit, and the folder that it
// loads models from.
type place struct {
	client *triton.Client
	models string
}

// findPlace returns a container of the test's own, or, without Docker, the server
// that the environment names:
//
//	TRITONSWEEP_FIDELITY_GRPC        host:port of a tritonserver that was started with
//	                                 --model-control-mode=explicit --model-repository=DIR
//	TRITONSWEEP_FIDELITY_REPOSITORY  that DIR, as this machine sees it; the models of these
//	                                 tests are written there, and removed again
//	TRITONSWEEP_FIDELITY_METRICS     http://host:port/metrics; may be left out
//
// Where there is no Go either, `go test -c -o build/fidelity.test ./runner/fidelity`
// makes a program, which is started in the folder runner/fidelity of a checkout:
//
//	TRITONSWEEP_FIDELITY=24 TRITONSWEEP_FIDELITY_BURSTS=6 TRITONSWEEP_FIDELITY_OUTPUT=out \
//	  TRITONSWEEP_FIDELITY_GRPC=127.0.0.1:8001 TRITONSWEEP_FIDELITY_REPOSITORY=DIR \
//	  ../../build/fidelity.test -test.v -test.run '^TestFidelity' -test.timeout 1h
//
// A model takes three to four minutes, the bursts two. Where that is too long for one
// call, -test.run '^TestFidelity$/^(simple|shared)$' takes some of the models; each
// call needs an output folder of its own.
func findPlace(t *testing.T) place {
	t.Helper()
	options := triton.Options{GRPCAddr: os.Getenv("TRITONSWEEP_FIDELITY_GRPC"), MetricsURL: os.Getenv("TRITONSWEEP_FIDELITY_METRICS")}
	p := place{models: os.Getenv("TRITONSWEEP_FIDELITY_REPOSITORY")}
	own := options.GRPCAddr == ""
	switch {
	case own:
		server := dockertest.Start(t, "explicit", standIn)
		options.GRPCAddr, options.MetricsURL, p.models = server.GRPC(), server.MetricsURL(), server.Models
	case p.models == "":
		t.Fatal("TRITONSWEEP_FIDELITY_REPOSITORY is missing: the folder that the server at TRITONSWEEP_FIDELITY_GRPC loads models from")
	}
	client, err := triton.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	p.client = client
	if own { // its processes are not needed
		if err := client.Unload(t.Context(), standIn); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// add writes a model's files, by their path in its folder.
func (p *place) add(t *testing.T, model string, files map[string]string) {
	t.Helper()
	folder := filepath.Join(p.models, model)
	t.Cleanup(func() { os.RemoveAll(folder) })
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// load loads a model until the test ends, and does not wait for it to be gone.
func (p *place) load(t *testing.T, model string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.client.Load(ctx, model, ""); err != nil {
		t.Fatal(err)
	}
	if err := p.client.WaitReady(ctx, model, triton.Wait{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		api := service.NewGRPCInferenceServiceClient(p.client.Conn())
		if _, err := api.RepositoryModelUnload(ctx, &service.RepositoryModelUnloadRequest{ModelName: model}); err != nil {
			t.Log(err)
		}
	})
}
