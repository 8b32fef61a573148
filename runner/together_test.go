package runner

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/sweep"
)

// pair is a world of two models, face and body, and the config of a run of both.
func pair(t *testing.T, control tritonsim.Control, p *proxy) (*world, Config) {
	t.Helper()
	w := newWorld(t, control)
	w.write(t, "body/config.pbtxt", `name: "body"`+faceConfig[len(`name: "face"`):])
	w.write(t, "body/profile.json", faceProfile)
	w.write(t, "body/1/model.py", "")
	if p != nil {
		w.behind(t, p)
	}
	client := w.again(t, "face", "body")
	return w, Config{
		Run: "run1", Client: client, Server: w.server, State: w.state,
		Load: load.Spec{
			Timeout: 5 * time.Second, Warmup: 50 * time.Millisecond, MaxDuration: 300 * time.Millisecond,
			Data: load.Data{Source: load.Random, Distinct: 3, Seed: 5}, // the simulated server answers what it is asked
		},
		Plan: sweep.NewMix("bench", []string{"body", "face"}, map[string]sweep.Load{
			"body": {Concurrency: 2, BatchSize: 1, Share: 0.25}, "face": {Concurrency: 2, BatchSize: 1, Share: 0.75},
		}, 3),
		Record: func(r results.Record) error { w.records = append(w.records, r); return nil },
	}
}

// weights are those of a mix of the two.
var weights = map[string]int{"body": 1, "face": 3}

// check returns one of a record's checks.
func check(t *testing.T, r results.Record, name string) results.Check {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("%s: no check %s: %s %v", r.Model, name, r.Verdict, r.Reasons)
	return results.Check{}
}

func TestInterference(t *testing.T) {
	w, config := pair(t, tritonsim.ControlNone, nil)
	one := sweep.Load{Concurrency: 2, BatchSize: 1}
	config.Plan = sweep.NewTogether("interference", []string{"face", "body"}, map[string]sweep.Load{"face": one, "body": one}, 2, 3)
	if _, err := RunTogether(t.Context(), config, nil); err != nil || len(w.records) != config.Plan.Points() {
		t.Fatalf("%d records of %d, %v", len(w.records), config.Plan.Points(), err)
	}
	together := map[string]int{}
	for _, s := range w.records {
		if s.Client.Requests == 0 || s.Server == nil || len(s.Config) == 0 || s.Resources.ContainerMemory == nil {
			t.Errorf("%s, round %d: something is missing: %s %v", s.Model, s.Round, s.Verdict, s.Reasons)
		}
		if len(s.Together) > 0 {
			together[s.Model]++
		}
		expectEveryRule(t, s)
		if c := check(t, s, "outputs"); !c.Passed || c.Suspect || !strings.Contains(c.Detail, "answers compared with those of the model asked by itself") {
			t.Errorf("%+v", c)
		}
	}
	if together["face"] != 2 || together["body"] != 2 {
		t.Errorf("measured together: %v", together)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if outcome, err := RunTogether(ctx, config, nil); err == nil || !outcome.Interrupted {
		t.Error("an interrupted run without an error")
	}
}

// TestWrongAnswersOfOneModel: a model that answers otherwise under the common load
// than it did by itself is void, and measured again; the other one is not blamed.
func TestWrongAnswersOfOneModel(t *testing.T) {
	for name, shares := range map[string]map[string]int{"mix": weights, "callers of its own each": nil} {
		t.Run(name, func(t *testing.T) {
			var measuring atomic.Bool
			w, config := pair(t, tritonsim.ControlNone, &proxy{
				meddle: func(string, int) error { return nil },
				bend: func(method string, request, answer []byte) []byte {
					var asked service.ModelInferRequest
					if method != "ModelInfer" || !measuring.Load() || proto.Unmarshal(request, &asked) != nil || asked.GetModelName() != "body" {
						return answer
					}
					return negated(t, answer)
				},
			})
			config.Progress = func(e Event) { measuring.Store(measuring.Load() || e.Step == Measuring) }
			if _, err := RunTogether(t.Context(), config, shares); err != nil || len(w.records) != 2 {
				t.Fatalf("%d records, %v", len(w.records), err)
			}
			body, face := w.records[0], w.records[1]
			if c := check(t, body, "outputs"); c.Passed || !strings.Contains(c.Detail, "differ from those of the model asked by itself") {
				t.Errorf("%+v", c)
			}
			if body.Verdict != results.Void || !strings.Contains(reasons(body), "outputs: ") || !strings.Contains(reasons(body), "measured again; first time: body: outputs: ") {
				t.Errorf("%s", w.verdicts())
			}
			if c := check(t, face, "outputs"); !c.Passed || c.Suspect || strings.HasPrefix(reasons(face), "outputs: ") {
				t.Errorf("%+v, %s %v", c, face.Verdict, face.Reasons)
			}
		})
	}
}

// negated changes the sign of every float of an answer.
func negated(t *testing.T, answer []byte) []byte {
	var response service.ModelInferResponse
	if err := proto.Unmarshal(answer, &response); err != nil {
		t.Error(err)
	}
	for _, tensor := range response.GetRawOutputContents() {
		for i := 3; i < len(tensor); i += 4 {
			tensor[i] ^= 0x80
		}
	}
	bent, err := proto.Marshal(&response)
	if err != nil {
		t.Error(err)
	}
	return bent
}

// machine is one of four processors, of which at every look so many seconds more
// were used by nobody that is known here.
type machine struct {
	foreign int
	looks   *atomic.Int64
}

func (m machine) Open(name string) (fs.File, error) {
	if name == "proc/stat" {
		m.looks.Add(1)
	}
	return machineAt("v2", 1000+m.foreign*int(m.looks.Load()), 200, 300).Open(name)
}

// contained is a simulated server that says that it runs in a container.
type contained struct{ Server }

func (contained) Identity(context.Context) (Identity, error) {
	return Identity{ID: containerID, Pid: 700, StartedAt: time.Unix(1, 0)}, nil
}

// TestNeighboursOfSeveralModels: what else keeps the machine busy, another server
// for example, is in every record of the window, and the same there; that the
// models of one server work at the same time is not.
func TestNeighboursOfSeveralModels(t *testing.T) {
	for foreign, suspect := range map[int]bool{0: false, 600: true} {
		w, config := pair(t, tritonsim.ControlNone, nil)
		config.Server, config.machine = contained{w.server}, machine{foreign, new(atomic.Int64)}
		if _, err := RunTogether(t.Context(), config, weights); err != nil || len(w.records) != 2 {
			t.Fatalf("%d records, %v", len(w.records), err)
		}
		first := check(t, w.records[0], "neighbours")
		for _, r := range w.records {
			c := check(t, r, "neighbours")
			expectCheck(t, c, "neighbours", true, suspect)
			if c != first || !suspect && !strings.Contains(c.Detail, "0.00 of 4 processors busy") {
				t.Errorf("%q and %q", c.Detail, first.Detail)
			}
			if suspect && r.Verdict != results.Void && !strings.Contains(reasons(r), "neighbours: other processes kept") || suspect && r.Verdict == results.OK {
				t.Errorf("%s", w.verdicts())
			}
		}
	}
}

// TestForeignChangeEndsAll: who loads another config of one model in the window
// makes its record void, and ends the run.
func TestForeignChangeEndsAll(t *testing.T) {
	var w *world
	p := &proxy{meddle: func(string, int) error { return nil }}
	p.answered = func(method string, n int) {
		if method == "ModelStatistics" && n == 1 {
			if err := w.override(context.WithoutCancel(t.Context()), 7500); err != nil {
				t.Errorf("meddling: %v", err)
			}
		}
	}
	w, config := pair(t, tritonsim.ControlExplicit, p)
	one := sweep.Load{Concurrency: 2, BatchSize: 1}
	config.Plan = sweep.NewTogether("interference", []string{"face", "body"}, map[string]sweep.Load{"face": one, "body": one}, 3, 3)
	_, err := RunTogether(t.Context(), config, nil)
	if foreign, ok := errors.AsType[*ForeignChangeError](err); !ok || foreign.Model != "face" {
		t.Errorf("error %v", err)
	}
	last := w.records[len(w.records)-1]
	for _, r := range w.records {
		if r.Model == "face" {
			last = r
		}
	}
	if len(w.records) == config.Plan.Points() || last.Verdict != results.Void || check(t, last, "config").Passed {
		t.Errorf("%d records: %s", len(w.records), w.verdicts())
	}
}

// TestHarmEndsTogether: callers of other models are spared here too.
func TestHarmEndsTogether(t *testing.T) {
	w, config := pair(t, tritonsim.ControlNone, nil)
	var theirs busy
	var readings atomic.Int64
	config.MaxSlowdown = 2
	config.others = others{baseline: time.Millisecond, every: 10 * time.Millisecond, patience: 20 * time.Millisecond}
	config.others.read = func(context.Context) ([]triton.Stats, error) {
		each := time.Millisecond
		if readings.Add(1) > 2 { // the baseline
			each = time.Second
		}
		return theirs.next(10, 0, each), nil
	}
	if _, err := RunTogether(t.Context(), config, weights); !harmed(err) || len(w.records) != 2 {
		t.Errorf("%d records, error %v", len(w.records), err)
	}
}

// TestMixWithoutAModel: where one model cannot be measured there is no mix, and the
// records say whose fault it is.
func TestMixWithoutAModel(t *testing.T) {
	w, config := pair(t, tritonsim.ControlNone, nil)
	config.Plan.Trials[0].Loads[0].BatchSize = 64 // body takes 8
	outcome, err := RunTogether(t.Context(), config, weights)
	if err != nil || len(w.records) != 2 || outcome.Bad() != 2 {
		t.Fatalf("%d records, %v", len(w.records), err)
	}
	body, face := w.records[0], w.records[1]
	if body.Verdict != results.Failed || strings.Contains(reasons(body), "belongs to the mix") {
		t.Errorf("%s %v", body.Verdict, body.Reasons)
	}
	if face.Verdict != results.Failed || reasons(face) != "body, which belongs to the mix, could not be measured" {
		t.Errorf("%s %v", face.Verdict, face.Reasons)
	}
}

// TestModelsArriveIndependently: those of one window have seeds of their own.
func TestModelsArriveIndependently(t *testing.T) {
	_, config := pair(t, tritonsim.ControlNone, nil)
	r := newRun(config)
	if err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	seeds := map[uint64]bool{}
	for k, p := range r.parts(config.Plan.Trials, nil) {
		if err := r.specify(t.Context(), p, k); err != nil {
			t.Fatal(err)
		}
		seeds[p.spec.Seed] = true
	}
	if len(seeds) != 2 {
		t.Errorf("seeds %v", seeds)
	}
}
