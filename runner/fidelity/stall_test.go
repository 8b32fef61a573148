package fidelity

import (
	"fmt"
	"io"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/stall"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
)

// playStalls measures the scenario "stall" on the real server, a queue limit
// without a delay, and, where both are asked for, the same without the limit:
// wake-ups are lost in the one, and in the other none is, and the tool says so.
func playStalls(t *testing.T, p place, window time.Duration, both bool) {
	t.Helper()
	m := readScenario(t, "stall").Scenario.Models[0]
	b := &bench{place: p, log: io.Discard, seed: 1}
	measure := func(name string) (results.Record, bool) {
		p.add(t, name, map[string]string{"config.pbtxt": burstConfig(name, &m), "1/model.py": burstCode})
		p.load(t, name)
		records := b.measure(t, "stall", []sweep.Trial{{Model: name, Control: true, Loads: sweep.Closed([]int{m.Load.Callers}, []int{1})}}, window)
		lost, found := stall.Find(&records[0])
		if found {
			fmt.Printf("  %s: %v\n", name, lost)
		}
		return records[0], found
	}
	t.Run("stall", func(t *testing.T) {
		if r, found := measure("limited"); !found {
			t.Errorf("no lost wake-up was found beside a queue limit: %+v", r.Client.Throughput)
		}
	})
	if !both {
		return
	}
	t.Run("no stall", func(t *testing.T) {
		m.Config.Policy = batcher.QueuePolicy{}
		if _, found := measure("unlimited"); found {
			t.Error("a lost wake-up was found where no queue limit is set")
		}
	})
}
