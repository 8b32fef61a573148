package fidelity

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/batcher/scenarios"
)

// leastBursts is how many scenarios have to agree, at the least.
const leastBursts = 12

// TestFidelityBursts is make fidelity-bursts, and part of make fidelity: the
// scripted scenarios of sweep/batcher on the real server, so many times each, and
// every executed batch compared with the simulation's, in order.
//
//	TRITONSWEEP_FIDELITY_BURSTS  how often each scenario is played (12)
//
// findPlace tells how to use a server that runs already.
func TestFidelityBursts(t *testing.T) {
	times, _ := strconv.Atoi(cmp.Or(os.Getenv("TRITONSWEEP_FIDELITY_BURSTS"), "0"))
	if times < 1 {
		t.Skip("plays for three minutes: make fidelity-bursts")
	}
	p := findPlace(t)
	play(t, p, burstScenarios(t), times)
	playStalls(t, p, 10*time.Second, true)
}

// TestRealBursts is a short one for every run of the tests: no scenario in it takes
// long, and in most the server does not race.
func TestRealBursts(t *testing.T) {
	dockertest.Require(t)
	var some []*batcher.ScenarioFile
	for _, f := range burstScenarios(t) {
		switch f.Name {
		case "client_batches", "idle_and_late", "inert_delay", "large_request", "levels", "merge", "no_dynamic_batching",
			"prefetch_cap", "seven_at_once", "shapes", "surplus_impossible", "timeout_reject":
			some = append(some, f)
		}
	}
	p := findPlace(t)
	play(t, p, some, 3)
	playStalls(t, p, 3*time.Second, false)
}

// burstScenarios are those that a real server can play: scripts of arrivals for a
// server that is as it was delivered, on no device that executions share.
func burstScenarios(t *testing.T) (all []*batcher.ScenarioFile) {
	t.Helper()
	for _, name := range scenarios.Names() {
		f := readScenario(t, name)
		m := &f.Scenario.Models[0]
		if len(m.Load.Script) > 0 && m.Config.Rules == (batcher.Rules{}) && m.Service.Device == "" && !m.Config.DeviceBlocking {
			all = append(all, f)
		}
	}
	return all
}

func readScenario(t *testing.T, name string) *batcher.ScenarioFile {
	t.Helper()
	data, err := scenarios.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := batcher.ParseScenario(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// play plays the scenarios, each so many times, prints a line for each, and fails
// when one does not agree.
func play(t *testing.T, p place, all []*batcher.ScenarioFile, times int) {
	t.Helper()
	if len(all) < leastBursts {
		t.Fatalf("%d scenarios, want at least %d", len(all), leastBursts)
	}
	fmt.Printf("load average %s before the first burst\n", loadAverage())
	agree, exact := 0, 0
	for _, f := range all {
		t.Run(f.Name, func(t *testing.T) {
			b := newBurst(t, &p, f)
			predicted, seen, chance := b.compare(t, times)
			if chance < leastChance { // a moment's other work on the machine is enough
				predicted, seen, chance = b.compare(t, times)
			}
			fmt.Printf("  %-24s predicted %s; seen %s; chance of that %.3f\n", f.Name, predicted, seen, chance)
			if chance < leastChance {
				t.Errorf("predicted %s, seen %s, twice: unlikely", predicted, seen)
				return
			}
			agree++
			if _, share := predicted.commonest(); share >= 0.9 {
				exact++
			}
		})
	}
	fmt.Printf("bursts: %d of %d scenarios executed the predicted batches, in %d of them one sequence, in the others by its share; load average %s\n",
		agree, len(all), exact, loadAverage())
	if agree < leastBursts {
		t.Errorf("%d scenarios agree, want at least %d", agree, leastBursts)
	}
}

// compare plays the scenario so many times and returns what was to be expected,
// what was seen, and how likely that is.
func (b *burst) compare(t *testing.T, times int) (predicted, seen distribution, chance float64) {
	t.Helper()
	counts := map[string]int{}
	for range times {
		counts[b.play(t)]++
	}
	predicted = b.predict(t)
	return predicted, shares(counts, times), predicted.chance(counts, times)
}

// pauseBetween lets the server come to rest between two plays.
const pauseBetween = 30 * time.Millisecond
