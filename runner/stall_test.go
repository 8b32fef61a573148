package runner

import (
	"strings"
	"testing"
	"time"

	"tritonsweep/results/stall"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/sweep"
)

// TestLostWakeUpsAreNamed: requests that take as long as Triton's batcher sleeps
// are named in the record where the config can lose wake-ups, and nowhere else.
// They are held up on their way here, since how many a server loses depends on how
// busy the machine is.
func TestLostWakeUpsAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		lost   bool
	}{
		"a limit":  {strings.Replace(faceConfig, "max_queue_delay_microseconds: 500", "default_queue_policy { max_queue_size: 1000 }", 1), true},
		"no limit": {faceConfig, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tritonsim.ControlNone)
			w.write(t, "face/config.pbtxt", test.config)
			w.again(t, "face")
			w.through(t, func(method string, n int) error {
				if method == "ModelInfer" && n%50 == 0 {
					time.Sleep(500 * time.Millisecond)
				}
				return nil
			})
			for try := 1; ; try++ {
				text := w.heldUp(t)
				named := strings.Contains(text, stall.Name+": ")
				// A machine that itself stands still for a quarter of a second makes slow
				// requests of another length, and then nothing may be named.
				if test.lost && !named && try < 5 {
					t.Logf("not named in try %d: %s", try, text)
					continue
				}
				if named != test.lost {
					t.Errorf("named: %t\n%s", named, w.verdicts())
				}
				if test.lost && !strings.Contains(text, "max_queue_size switches prefetching off") {
					t.Errorf("the cause is missing: %s", text)
				}
				return
			}
		})
	}
}

// heldUp measures eight callers and returns what is said about the point.
func (w *world) heldUp(t *testing.T) string {
	t.Helper()
	w.records = nil
	_, err := w.run(t, None, func(c *Config) {
		untouchedTrial(c)
		c.Plan.Trials[0].Loads = sweep.Closed([]int{8}, []int{1})
		c.Load.MinDuration, c.Load.MaxDuration = 2*time.Second, 2*time.Second
	})
	if err != nil {
		t.Fatal(err)
	}
	return reasons(w.only(t))
}
