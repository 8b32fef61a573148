package triton_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/triton"
)

// TestRealExplicit loads overrides without touching the disk.
func TestRealExplicit(t *testing.T) {
	ctx := limited(t)
	own := dockertest.Start(t, "explicit", arcface)
	c := dial(t, own.GRPC(), own.MetricsURL())
	if mode := find(t, own.Name).ControlMode(); mode != docker.ControlExplicit {
		t.Errorf("control mode %q", mode)
	}
	original, err := c.Config(ctx, arcface)
	if err != nil {
		t.Fatal(err)
	}
	file, _ := os.ReadFile(filepath.Join(own.Models, arcface, "config.pbtxt"))
	infer(ctx, t, c, 1)
	before, metricsBefore := readCounters(ctx, t, c)

	changed := proto.CloneOf(original)
	changed.GetDynamicBatching().MaxQueueDelayMicroseconds = 4321
	changed.GetDynamicBatching().PreferredBatchSize = []int32{2, 4}
	changed.InstanceGroup[0].Count = 2
	load(ctx, t, c, changed)
	requireConfig(ctx, t, c, changed)
	infer(ctx, t, c, 1)
	after, metricsAfter := readCounters(ctx, t, c)
	t.Logf("in-place reload: statistics %d then %d, metrics %v then %v",
		before.Success.Count, after.Success.Count, *metricsBefore.Success, *metricsAfter.Success)

	// The override sticks, until a reload.
	if err := c.Load(ctx, arcface, ""); err != nil {
		t.Error(err)
	}
	requireConfig(ctx, t, c, changed)
	if err := c.Reload(ctx, arcface); err != nil {
		t.Error(err)
	}
	requireConfig(ctx, t, c, original)
	if now, _ := os.ReadFile(filepath.Join(own.Models, arcface, "config.pbtxt")); string(now) != string(file) {
		t.Error("the file changed")
	}

	// A refused override leaves the old config in force.
	wrong := proto.CloneOf(original)
	wrong.GetDynamicBatching().PreferredBatchSize = []int32{wrong.MaxBatchSize + 1}
	text, err := triton.ConfigOverride(wrong)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Load(ctx, arcface, text); !errors.Is(err, triton.ErrRefused) {
		t.Errorf("refused override: %v", err)
	}
	requireConfig(ctx, t, c, original)
	unloaded(ctx, t, c)
}

func load(ctx context.Context, t *testing.T, c *triton.Client, config *tritonpb.ModelConfig) {
	t.Helper()
	text, err := triton.ConfigOverride(config)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := c.Load(ctx, arcface, text); err != nil {
		t.Fatal(err)
	}
	t.Logf("loaded in %v", time.Since(start))
	if err := c.WaitReady(ctx, arcface, triton.Wait{}); err != nil {
		t.Fatal(err)
	}
}

func requireConfig(ctx context.Context, t *testing.T, c *triton.Client, want *tritonpb.ModelConfig) {
	t.Helper()
	got, err := c.Config(ctx, arcface)
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("config in force %v, %v; want %v", got, err, want)
	}
}

func unloaded(ctx context.Context, t *testing.T, c *triton.Client) {
	t.Helper()
	if err := c.Unload(ctx, arcface); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"config":     second(c.Config(ctx, arcface)),
		"statistics": second(c.Statistics(ctx, arcface)),
		"ready":      c.WaitReady(ctx, arcface, triton.Wait{}),
	} {
		if !errors.Is(err, triton.ErrUnavailable) || errors.Is(err, triton.ErrUnknownModel) {
			t.Errorf("%s of an unloaded model: %v", name, err)
		}
	}
	if err := c.Load(ctx, "no_such_model", ""); !errors.Is(err, triton.ErrUnknownModel) {
		t.Errorf("loading an unknown model: %v", err)
	}
	if err := c.Load(ctx, arcface, ""); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }
