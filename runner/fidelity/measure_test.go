package fidelity

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/calibration"
	"tritonsweep/tritonconfig"
)

// bench is the real server with the models of this package.
type bench struct {
	place
	log  io.Writer // every record, one a line
	seed uint64
}

func newBench(t *testing.T, output string, seed uint64) *bench {
	t.Helper()
	p := findPlace(t)
	code, err := os.ReadFile(standInCode)
	if err != nil {
		t.Fatal(err)
	}
	for i := range shapes {
		p.add(t, shapes[i].name, shapes[i].files(string(code)))
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(output, "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &bench{p, log, seed}
}

// measure carries trials out and returns their records.
func (b *bench) measure(t *testing.T, name string, trials []sweep.Trial, window time.Duration) []results.Record {
	t.Helper()
	for i := range trials {
		trials[i].Index, trials[i].Round = i, 1
	}
	var records []results.Record
	encoder := json.NewEncoder(b.log)
	config := runner.Config{
		Run: name, Plan: sweep.Plan{Sweep: name, Seed: b.seed, Rounds: 1, Trials: trials}, Mode: runner.Reload, Client: b.client,
		Load: load.Spec{
			Warmup: time.Second, MinDuration: window, MaxDuration: window, Precision: 0.03,
			Data: load.Data{Source: load.Random, Distinct: 4, Seed: b.seed},
		},
		ReadyTimeout: time.Minute,
		Record: func(r results.Record) error {
			records = append(records, r)
			fmt.Printf("%s %-8s %3d/%d %-60s %s\n", time.Now().Format(time.TimeOnly), r.Model, len(records), points(trials), describe(&r), r.Verdict)
			return encoder.Encode(r)
		},
	}
	if _, err := runner.Run(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	return records
}

func points(trials []sweep.Trial) (n int) {
	for _, t := range trials {
		n += len(t.Loads)
	}
	return n
}

func describe(r *results.Record) string {
	what := r.Settings.String()
	if r.Control {
		what = "control"
	}
	return what + " " + r.Load.String()
}

// calibrationTrials are the runs of calibration.Design.
func (s *shape) calibrationTrials() []sweep.Trial {
	var trials []sweep.Trial
	for _, p := range calibration.Design(batcher.Config{MaxBatch: maxBatch}, s.counts[len(s.counts)-1]) {
		settings := tritonconfig.Settings{MaxQueueDelay: tritonconfig.Ptr(uint64(0)), PreferredBatchSizes: []int{}, InstanceCount: tritonconfig.Ptr(p.Instances)}
		l := sweep.Closed([]int{p.Callers}, []int{1})[0]
		if n := len(trials); n > 0 && trials[n-1].Settings.Equal(settings) {
			trials[n-1].Loads = append(trials[n-1].Loads, l)
			continue
		}
		trials = append(trials, sweep.Trial{Model: s.name, Settings: settings, Loads: []sweep.Load{l}})
	}
	return trials
}

// unseenTrials draws count points that no calibration run is, several loads to
// a setting, with a control run between the settings.
func (s *shape) unseenTrials(count int, random *rand.Rand) []sweep.Trial {
	settings, loads := s.space()
	random.Shuffle(len(settings), func(i, j int) { settings[i], settings[j] = settings[j], settings[i] })
	const perSetting = 3
	control := sweep.Trial{Model: s.name, Control: true, Loads: sweep.Closed([]int{maxBatch}, []int{1})}
	trials := []sweep.Trial{control}
	for drawn := 0; drawn < count; drawn += perSetting {
		some := append([]sweep.Load(nil), loads...)
		random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		trials = append(trials, sweep.Trial{Model: s.name, Settings: settings[drawn/perSetting], Loads: some[:perSetting]})
		if drawn/perSetting%2 == 1 {
			trials = append(trials, control)
		}
	}
	return trials
}

// again is the run that measures every point a second time.
const again = "again"

// backwards returns the trials in the reverse order, their loads too: what drifts
// meanwhile is in the means of two measurements alike.
func backwards(trials []sweep.Trial) []sweep.Trial {
	out := slices.Clone(trials)
	slices.Reverse(out)
	for i := range out {
		out[i].Loads = slices.Clone(out[i].Loads)
		slices.Reverse(out[i].Loads)
	}
	return out
}

// loadAverage is the kernel's figure of the last minute.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(data))[0]
}
