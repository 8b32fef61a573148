package triton_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/triton"
)

const arcface = "arcface_w600k_r50"

func find(t *testing.T, name string) *docker.Container {
	t.Helper()
	e, err := docker.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	c, err := e.Find(context.Background(), docker.Query{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dial(t *testing.T, grpc, metrics string) *triton.Client {
	t.Helper()
	c, err := triton.New(triton.Options{GRPCAddr: grpc, MetricsURL: metrics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestRealShared only reads, and sends one request.
func TestRealShared(t *testing.T) {
	ctx := limited(t)
	container := find(t, dockertest.Shared(t))
	state, err := container.Inspect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	at := container.Endpoints(state)
	c := dial(t, at.GRPC, "http://"+at.Metrics+"/metrics")
	if err := c.WaitReady(ctx, arcface, triton.Wait{}); err != nil {
		t.Fatal(err)
	}
	server, err := c.ServerMetadata(ctx)
	if err != nil || server.Name == "" || server.Version == "" {
		t.Errorf("server %+v, %v", server, err)
	}
	m, err := c.Metadata(ctx, arcface)
	if err != nil || len(m.Inputs) != 1 || m.Inputs[0].Datatype != "FP32" || len(m.Outputs) == 0 {
		t.Errorf("metadata %+v, %v", m, err)
	}
	config, err := c.Config(ctx, arcface)
	if err != nil || config.GetName() != arcface || config.GetMaxBatchSize() < 1 {
		t.Errorf("config %v, %v", config, err)
	}
	for name, call := range map[string]func() error{
		"metadata":   func() error { _, err := c.Metadata(ctx, "arcface_w600k_r5"); return err },
		"config":     func() error { _, err := c.Config(ctx, "arcface_w600k_r5"); return err },
		"statistics": func() error { _, err := c.Statistics(ctx, "arcface_w600k_r5"); return err },
		"ready":      func() error { return c.WaitReady(ctx, "arcface_w600k_r5", triton.Wait{}) },
	} {
		if err := call(); !errors.Is(err, triton.ErrUnknownModel) || !strings.Contains(err.Error(), "did you mean "+arcface) {
			t.Errorf("%s of an unknown model: %v", name, err)
		}
	}
	if container.ControlMode() == docker.ControlNone {
		if err := c.Load(ctx, arcface, ""); !errors.Is(err, triton.ErrControlMode) {
			t.Errorf("load: %v", err)
		}
	}
	realCounters(ctx, t, c)
	if _, err := triton.Dial(ctx, triton.Options{GRPCAddr: at.HTTP, CallTimeout: 5 * time.Second}); !errors.Is(err, triton.ErrUnavailable) ||
		!strings.Contains(err.Error(), "not its gRPC port") {
		t.Errorf("the HTTP port: %v", err)
	}
}

// realCounters requires a request of two items in both counts. Other tests may
// send requests too, so that the figures are at least these.
func realCounters(ctx context.Context, t *testing.T, c *triton.Client) {
	t.Helper()
	stats, metrics := readCounters(ctx, t, c)
	infer(ctx, t, c, 2)
	infer(ctx, t, c, 2)
	statsAfter, metricsAfter := readCounters(ctx, t, c)
	delta, err := statsAfter.Sub(stats)
	if err != nil || delta.Success.Count < 2 || delta.Inferences < 4 || delta.Executions < 1 || len(delta.Batches) == 0 {
		t.Errorf("statistics %+v, %v", delta, err)
	}
	if mean, ok := delta.Batches[0].ComputeInfer.Mean(); !ok || mean <= 0 {
		t.Errorf("compute time %v", mean)
	}
	counted, err := metricsAfter.Sub(metrics)
	if err != nil || counted.Success == nil || *counted.Success < 2 || *counted.Inferences < 4 || counted.Failure == nil {
		t.Errorf("metrics %+v, %v", counted, err)
	}
	if _, err := stats.Sub(statsAfter); !errors.Is(err, triton.ErrReset) {
		t.Errorf("readings in the wrong order: %v", err)
	}
}

func readCounters(ctx context.Context, t *testing.T, c *triton.Client) (triton.Stats, triton.ModelMetrics) {
	t.Helper()
	stats, err := c.SettledStatistics(ctx, arcface)
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Metrics(ctx)
	if err != nil || len(page.Bad) > 0 {
		t.Fatalf("%v, bad samples %v", err, page.Bad)
	}
	m, ok := page.Model(arcface)
	if !ok {
		t.Fatal("no metrics of the model")
	}
	return stats, m
}

func infer(ctx context.Context, t *testing.T, c *triton.Client, items int64) {
	t.Helper()
	r, err := service.NewGRPCInferenceServiceClient(c.Conn()).ModelInfer(ctx, &service.ModelInferRequest{
		ModelName:        arcface,
		Inputs:           []*service.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32", Shape: []int64{items, 3, 112, 112}}},
		RawInputContents: [][]byte{make([]byte, items*3*112*112*4)},
	})
	if err != nil || len(r.GetRawOutputContents()) == 0 {
		t.Fatalf("inference: %v", err)
	}
}

// TestRealRestricted: a protocol that wants a header looks like an outage.
func TestRealRestricted(t *testing.T) {
	dockertest.Require(t)
	t.Setenv("EXTRA_ARGS", "--grpc-restricted-protocol=model-config,statistics:secret-key=CANARY")
	own := dockertest.Start(t, "none", arcface)
	ctx := limited(t)
	c := dial(t, own.GRPC(), "")
	if err := c.WaitReady(ctx, arcface, triton.Wait{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Config(ctx, arcface)
	if !errors.Is(err, triton.ErrRestricted) || errors.Is(err, triton.ErrUnavailable) || !strings.Contains(err.Error(), "secret-key") {
		t.Errorf("without the header: %v", err)
	}
	key, err := triton.Dial(ctx, triton.Options{GRPCAddr: own.GRPC(), Headers: map[string]string{"triton-grpc-protocol-secret-key": "CANARY"}})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if _, err := key.Config(ctx, arcface); err != nil {
		t.Errorf("with the header: %v", err)
	}
	container := find(t, own.Name)
	log, err := container.Logs(ctx, time.Time{}, 0)
	if err != nil || strings.Contains(string(log), "CANARY") {
		t.Errorf("the log shows the key: %v", err)
	}
}
