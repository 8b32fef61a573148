package tritonsim

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/triton"
)

// TestServe goes the way of a sweep: ready, config, inference, counters,
// an edited file, a restart.
func TestServe(t *testing.T) {
	s := start(t, Options{Repository: plain1().write(t)})
	c := dial(t, s)
	ctx := limited(t)
	if err := c.WaitReady(ctx, "plain", triton.Wait{Stopped: s.Stopped}); err != nil {
		t.Fatal(err)
	}
	config, err := c.Config(ctx, "plain")
	if err != nil || config.GetDynamicBatching().GetMaxQueueDelayMicroseconds() != 1000 || config.GetDynamicBatching().PreferredBatchSize[0] != 8 {
		t.Errorf("config %v, %v", config, err)
	}
	r, err := infer(t, c, ask(3))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Outputs) != 2 || len(r.RawOutputContents) != 2 || r.ModelVersion != "1" {
		t.Fatalf("response %v", r)
	}
	if got, want := string(r.RawOutputContents[0]), string(floats(1, 0, 2, 0, 3, 0)); got != want {
		t.Errorf("first output %x, want %x", got, want)
	}
	stats, err := c.Statistics(ctx, "plain")
	if err != nil || stats.Success.Count != 1 || stats.Inferences != 3 || stats.Executions != 1 || stats.Batches[0].Size != 3 {
		t.Errorf("statistics %+v, %v", stats, err)
	}
	page, err := c.Metrics(ctx)
	if m, ok := page.Model("plain"); err != nil || !ok || *m.Success != 1 || *m.Inferences != 3 || len(page.Bad) > 0 {
		t.Errorf("metrics %+v, %v", page, err)
	}
	put(t, filepath.Join(s.Repository(), "plain/config.pbtxt"), strings.Replace(plainConfig, "1000", "2000", 1))
	before := s.Endpoints()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx, "plain", triton.Wait{Stopped: s.Stopped}); err != nil {
		t.Fatal(err)
	}
	if before != s.Endpoints() {
		t.Errorf("addresses %v, then %v", before, s.Endpoints())
	}
	config, err = c.Config(ctx, "plain")
	if err != nil || config.GetDynamicBatching().GetMaxQueueDelayMicroseconds() != 2000 {
		t.Errorf("config after a restart %v, %v", config, err)
	}
	if stats, err = c.Statistics(ctx, "plain"); err != nil || stats.Success.Count != 0 {
		t.Errorf("statistics after a restart %+v, %v", stats, err)
	}
}

// TestRefused: a server with a config that Triton refuses ends.
func TestRefused(t *testing.T) {
	f := plain1()
	f["plain/config.pbtxt"] = strings.Replace(plainConfig, "dynamic_batching {", "dynamic_batching { preferred_batch_size: 64", 1)
	s, err := New(Options{Repository: f.write(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const words = "dynamic batching preferred size must be <= max batch size for plain"
	var exit *ExitError
	if err := s.Start(limited(t)); !errors.As(err, &exit) || exit.Code != 1 || !strings.Contains(err.Error(), words) {
		t.Errorf("start: %v", err)
	}
	if err := s.Stopped(); !errors.As(err, &exit) {
		t.Errorf("stopped: %v", err)
	}
	if log := s.Log(time.Time{}); !strings.Contains(log, "Poll failed for model directory 'plain': "+words) ||
		!strings.Contains(log, "error: creating server: Internal - failed to load all models") {
		t.Errorf("log:\n%s", log)
	}
}
