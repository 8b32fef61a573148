package runner

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// What a measured point proves to be like it is recorded with the reason and not
// measured; what was measured before stays measured in later rounds.
func TestInertPointsAreLeftOutDuringTheRun(t *testing.T) {
	original := &tritonpb.ModelConfig{}
	if err := prototext.Unmarshal([]byte(faceConfig), original); err != nil {
		t.Fatal(err)
	}
	light, heavy := sweep.Load{Concurrency: 2, BatchSize: 1}, sweep.Load{Concurrency: 64, BatchSize: 1}
	settings := func(delay uint64) tritonconfig.Settings {
		return tritonconfig.Settings{MaxQueueDelay: tritonconfig.Ptr(delay), PreferredBatchSizes: []int{1, 4}}
	}
	var records []results.Record
	r := newRun(Config{SkipInert: true, Record: func(r results.Record) error { records = append(records, r); return nil }})
	r.originals = map[string]*tritonpb.ModelConfig{"face": original}
	measured := r.blank(sweep.Trial{Model: "face", Round: 1, Settings: settings(5000)}, light)
	measured.Verdict, measured.Duration = results.Noisy, 2
	measured.Server = &results.Server{Requests: 1000, Executions: 800, Queue: 0.1, Batches: []results.Batch{{Size: 1, Executions: 800}}}
	r.outcome.add(measured)
	r.learn(measured)

	rest, err := r.leaveOut(sweep.Trial{Model: "face", Round: 1, Settings: settings(9000), Loads: []sweep.Load{light, heavy}})
	if err != nil || !slices.Equal(rest.Loads, []sweep.Load{heavy}) {
		t.Errorf("left are %v, %v", rest.Loads, err)
	}
	if len(records) != 1 || records[0].Verdict != results.Inert || records[0].Sequence != 1 || records[0].Load != light ||
		!strings.HasPrefix(records[0].Reasons[0], "like delay=5000us preferred=[1,4]: measured: requests wait 100µs") {
		t.Errorf("records %+v", records)
	}
	if r.outcome.Bad() != 0 || r.outcome.Verdicts[results.Inert] != 1 {
		t.Errorf("outcome %+v", r.outcome)
	}
	for name, trial := range map[string]sweep.Trial{
		"measured in another round": {Model: "face", Round: 2, Settings: settings(5000), Loads: []sweep.Load{light}},
		"the control":               {Model: "face", Round: 2, Control: true, Loads: []sweep.Load{light}},
		"another model":             {Model: "ear", Round: 1, Settings: settings(9000), Loads: []sweep.Load{light}},
	} {
		if rest, err := r.leaveOut(trial); err != nil || len(rest.Loads) != 1 {
			t.Errorf("%s: left are %v, %v", name, rest.Loads, err)
		}
	}
}
