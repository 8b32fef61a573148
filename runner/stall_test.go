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
			_, err := w.run(t, None, func(c *Config) {
				untouchedTrial(c)
				c.Plan.Trials[0].Loads = sweep.Closed([]int{8}, []int{1})
				c.Load.MinDuration, c.Load.MaxDuration = 2*time.Second, 2*time.Second
			})
			if err != nil {
				t.Fatal(err)
			}
			r := w.only(t)
			if lost := strings.Contains(reasons(r), stall.Name+": "); lost != test.lost {
				t.Errorf("named: %t\n%s", lost, w.verdicts())
			}
			if test.lost && !strings.Contains(reasons(r), "max_queue_size switches prefetching off") {
				t.Errorf("the cause is missing: %s", reasons(r))
			}
		})
	}
}
