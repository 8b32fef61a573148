package inert

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/tritonconfig"
)

// compute are times of which batches of four cost half as much again as one.
var compute = batcher.Linear(3*time.Millisecond, 400*time.Microsecond)

func load(c, b int) sweep.Load { return sweep.Load{Concurrency: c, BatchSize: b} }

func TestSkip(t *testing.T) {
	service := &batcher.Service{Compute: compute, CV: 0.02, Device: "gpu"}
	config := batcher.Config{MaxBatch: 16, Dynamic: true, Delay: 5 * time.Millisecond, Preferred: []int{4, 8}, Instances: 2}
	one := config
	one.Preferred = []int{1, 2, 4}
	limited := one
	limited.Policy.MaxSize = 10
	delay := sweep.Delays
	tests := []struct {
		name    string
		config  batcher.Config
		service *batcher.Service
		s       tritonconfig.Settings
		l       sweep.Load
		want    string // "": to be measured
	}{
		{"the value of now", config, nil, delay([]int{5000})[0], load(8, 1), "like the untouched config: the same values"},
		{"a lone caller waits for the delay", config, nil, delay([]int{1000})[0], load(1, 1), ""},
		{"a lone caller of a preferred size", one, nil, delay([]int{1000})[0], load(1, 1), "one request under way, and it is sent at once"},
		{"the same behind a queue limit", limited, nil, delay([]int{1000})[0], load(1, 1), ""},
		{"preferred sizes of a lone caller", config, nil, sweep.PreferredSets([][]int{{8}})[0], load(1, 1), "it waits for the delay with either"},
		{"one that lets it go at once", config, nil, sweep.PreferredSets([][]int{{1}})[0], load(1, 1), ""},
		{"instances of a lone caller", config, nil, sweep.Counts([]int{4}, "")[0], load(1, 1), "one instance works at a time"},
		{"more instances than callers", config, nil, sweep.Counts([]int{4}, "")[0], load(4, 1), ""},
		{"requests that fill a batch", config, nil, delay([]int{0})[0], load(8, 16), "average batch 1: a request of 16 items"},
		{"and their preferred sizes", config, nil, sweep.PreferredSets([][]int{{}})[0], load(8, 16), "average batch 1"},
		{"times not known", config, nil, delay([]int{20000})[0], load(8, 1), ""},
		{"never idle", config, service, delay([]int{20000})[0], load(8, 1), "the delay never ends"},
		{"a delay that ends", config, service, delay([]int{20000})[0], load(3, 1), ""},
		{"arrivals too rare to share a batch, sent at once", one, service, delay([]int{9000})[0], sweep.Load{Rate: 2, Arrivals: sweep.Constant, BatchSize: 1}, "average batch 1"},
		{"arrivals that wait", config, service, delay([]int{9000})[0], sweep.Load{Rate: 200, BatchSize: 1}, ""},
		{"instances of an open loop", config, service, sweep.Counts([]int{4}, "")[0], sweep.Load{Rate: 200, BatchSize: 1}, ""},
		{"recorded arrivals", one, service, delay([]int{9000})[0], sweep.Load{Rate: 2, Arrivals: sweep.Recorded, Trace: "x", BatchSize: 1}, ""},
		{"another field", config, service, sweep.Others("optimization.cuda.graphs", []string{"true"})[0], load(1, 1), ""},
		{"a count is not left to the simulation", config, service, sweep.Counts([]int{3}, "")[0], load(8, 1), ""},
	}
	for _, tt := range tests {
		f := New(Model{Config: tt.config, Service: tt.service, ItemBytes: 600}, []tritonconfig.Settings{tt.s})
		got := f.Skip(tt.s, tt.l)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What stands for a skipped point is itself measured: it is the untouched
// config, or a settings value that is not skipped.
func TestSomebodyStandsForASkippedPoint(t *testing.T) {
	service := &batcher.Service{Compute: compute, CV: 0.02, Device: "gpu"}
	rapid.Check(t, func(t *rapid.T) {
		model := Model{Service: service, Config: batcher.Config{
			MaxBatch: 16, Dynamic: true, Instances: rapid.IntRange(1, 3).Draw(t, "instances"),
			Delay:     time.Duration(rapid.IntRange(0, 9).Draw(t, "delay")) * time.Millisecond,
			Preferred: rapid.SampledFrom([][]int{nil, {1, 2, 4}, {8, 16}}).Draw(t, "preferred"),
		}}
		space := sweep.Joint([][]tritonconfig.Settings{
			sweep.Delays([]int{0, 2000, 20000}), sweep.PreferredSets([][]int{{}, {4}}), sweep.Counts([]int{1, 2}, ""),
		})
		l := load(rapid.SampledFrom([]int{1, 4, 8}).Draw(t, "callers"), rapid.SampledFrom([]int{1, 16}).Draw(t, "batch"))
		f := New(model, space)
		measured := map[string]bool{"the untouched config": true}
		for _, s := range space {
			if f.Skip(s, l) == "" {
				measured[s.String()] = true
			}
		}
		for _, s := range space {
			why := f.Skip(s, l)
			if why == "" {
				continue
			}
			who, _, ok := strings.Cut(strings.TrimPrefix(why, "like "), ": ")
			if !ok || !measured[who] {
				t.Errorf("%s under %s: %q, and nobody measures %q", s, l, why, who)
			}
		}
	})
}
