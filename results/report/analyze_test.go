package report

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tritonsweep/results"
	"tritonsweep/results/pareto"
	"tritonsweep/tritonconfig"
)

func TestNinePoints(t *testing.T) {
	m := samples["nine"]().report().Models[0]
	if len(m.Points) != 9 || len(m.Control) != 3 {
		t.Fatalf("%d points and %d controls, want 9 and 3", len(m.Points), len(m.Control))
	}
	for _, p := range m.Points {
		if p.Throughput == nil || !(p.Throughput.Low < p.Throughput.Value && p.Throughput.Value < p.Throughput.High) {
			t.Errorf("%s: throughput %v", p.ID, p.Throughput)
		}
		if p.Verdict == "" || *p.Active.MaxQueueDelay != *p.Settings.MaxQueueDelay || len(p.Config) == 0 {
			t.Errorf("%s: verdict %q, active %v, config %s", p.ID, p.Verdict, p.Active, p.Config)
		}
		if p.Effect == nil || p.Effect.Control == "" {
			t.Errorf("%s is not compared with a control", p.ID)
		}
	}
	if diff := cmp.Diff(sampleCurrent(), m.Current); diff != "" {
		t.Errorf("current settings (-want +got):\n%s", diff)
	}
}

func TestRoundsAreJoined(t *testing.T) {
	s := samples["queue-delay"]()
	m := s.report().Models[0]
	if len(m.Points) != 32 || len(m.Control) != 4 {
		t.Fatalf("%d points and %d controls, want 32 and 4", len(m.Points), len(m.Control))
	}
	find := func(delay uint64, concurrency int) Point {
		i := slices.IndexFunc(m.Points, func(p Point) bool {
			return *p.Settings.MaxQueueDelay == delay && p.Load.Concurrency == concurrency
		})
		return m.Points[i]
	}
	whole := find(1000, 32)
	if whole.Rounds != 3 || whole.Measured != 3 || whole.Verdict != results.OK || len(whole.Reasons) > 0 {
		t.Errorf("an ok point: %+v", whole)
	}
	var requests int64
	largest := 0.0
	for _, r := range s.records {
		if delayOf(r) == 1000 && r.Load.Concurrency == 32 && !r.Final {
			requests += r.Client.Requests
			largest = max(largest, r.Client.Max)
		}
	}
	if whole.Requests != requests || whole.Latency.Max != largest {
		t.Errorf("%d requests, max %v; want %d and %v", whole.Requests, whole.Latency.Max, requests, largest)
	}
	left := find(2000, 8)
	if left.Rounds != 2 || left.Measured != 3 || left.Verdict != results.OK || !strings.Contains(left.Reasons[0], "round 2 left out") {
		t.Errorf("a point with a void round: %+v", left)
	}
	void := find(7000, 64)
	if void.Rounds != 0 || void.Verdict != results.Void || void.Throughput != nil || void.Effect != nil || void.OnFrontier {
		t.Errorf("a void point: %+v", void)
	}
	if !strings.Contains(void.NotRecommended, "client-bound") || whole.NotRecommended != "" {
		t.Errorf("not recommended: %q and %q", void.NotRecommended, whole.NotRecommended)
	}
	if noisy := find(3000, 32); noisy.Verdict != results.Noisy || noisy.Throughput == nil {
		t.Errorf("a noisy point: %+v", noisy)
	}
	slow := find(10000, 1)
	if slow.Latency.P99 != nil || slow.Missing[pareto.P99] == 0 || slow.Latency.P95 == nil {
		t.Errorf("a point with too few requests for p99: %+v", slow)
	}
	if same := find(15000, 32); !same.Current || same.Effect.Verdict != NoDifference {
		t.Errorf("the point with the current values: %+v", same)
	}
}

func TestFootnotesReferToTheirPoints(t *testing.T) {
	for name, build := range samples {
		s := build()
		r := s.report()
		for i, f := range r.Footnotes {
			if f.Number != i+1 || f.Text == "" {
				t.Errorf("%s: footnote %d is %+v", name, i+1, f)
			}
			for _, ref := range f.Points {
				m := r.Models[slices.IndexFunc(r.Models, func(m Model) bool { return m.Name == ref.Model })]
				if p := m.pointsByID()[ref.Point]; p == nil || !slices.Contains(p.Footnotes, f.Number) {
					t.Errorf("%s: footnote %d names point %s, which does not know", name, f.Number, ref.Point)
				}
			}
		}
	}
}

func TestRecommendations(t *testing.T) {
	for name, want := range map[string]struct {
		action pareto.Action
		text   []string
	}{
		"queue-delay": {pareto.Change, []string{"Set the queue delay to 1 ms.", "instead of", "+1000"[1:], "-  max_queue_delay_microseconds: 15000", "--db=run.db"}},
		"limit":       {pareto.Change, []string{"the highest throughput within p99 ≤ 12 ms", "under no measured load"}},
		"noise":       {pareto.Keep, []string{"Keep the current settings.", "no significant difference"}},
		"instances":   {pareto.Change, []string{"Set the instance count to 8.", "+    count: 8"}},
		"concurrency": {pareto.None, []string{"Throughput saturates at concurrency 128"}},
		"batch-size":  {pareto.Change, []string{"Remove the preferred batch sizes.", "-  preferred_batch_size: [ 8, 16, 32, 64 ]"}},
		"empty":       {pareto.None, []string{"Nothing was measured.", "interrupted"}},
	} {
		a := samples[name]().report().Models[0].Recommendation
		if a.Action != want.action || (a.Settings != nil) != (want.action == pareto.Change) {
			t.Errorf("%s: %s, settings %v", name, a.Action, a.Settings)
		}
		all := strings.Join([]string{a.Headline, a.Detail, a.Reason, a.Patch, a.Apply}, "\n")
		for _, text := range want.text {
			if !strings.Contains(all, text) {
				t.Errorf("%s: no %q in:\n%s", name, text, all)
			}
		}
	}
}

func TestUnmetLimit(t *testing.T) {
	s := samples["queue-delay"]()
	s.run.Limit = results.Limit{P95: 1}
	a := s.report().Models[0].Recommendation
	if a.Action != pareto.None || a.Limit != pareto.Missed || a.Settings != nil || !strings.Contains(a.Detail, "The closest was queue delay 0 at concurrency 1, with 367/s and p95 3.27 ms.") {
		t.Errorf("%+v", a)
	}
	load := samples["concurrency"]()
	load.run.Limit = results.Limit{P95: 20}
	if a := load.report().Models[0].Recommendation; !strings.HasPrefix(a.Headline, "Up to 4,463/s within p95 ≤ 20 ms") {
		t.Errorf("a load sweep under a limit: %+v", a)
	}
	load.run.Limit = results.Limit{P95: 1}
	if a := load.report().Models[0].Recommendation; a.Headline != "No measured load stays within p95 ≤ 1 ms." {
		t.Errorf("a load sweep that misses its limit: %+v", a)
	}
}

// A change that pays under one load and costs under another is told as such.
func TestCautionAboutOtherLoads(t *testing.T) {
	s := samples["queue-delay"]()
	s.edit(func(r results.Record) bool { return delayOf(r) < 15000 && r.Load.Concurrency == 1 }, func(r *results.Record) {
		for _, e := range []*results.Estimate{r.Client.P50, r.Client.P90, r.Client.P95, r.Client.P99} {
			if e != nil {
				*e = results.Estimate{Value: 90, Low: 89, High: 91}
			}
		}
		*r.Client.Throughput = results.Estimate{Value: 11, Low: 10.9, High: 11.1}
	})
	a := s.report().Models[0].Recommendation
	if a.Action != pareto.Change || !strings.HasPrefix(strings.Join(a.Cautions, "\n"), "At concurrency 1 they are worse than the current ones: throughput -8") {
		t.Errorf("cautions %q", a.Cautions)
	}
}

func TestCheaperInstancesAreNamed(t *testing.T) {
	s := samples["instances"]()
	// No count makes a difference: the figures of the control for all.
	byLoad := map[int]results.Client{}
	for _, r := range s.records {
		if r.Control {
			byLoad[r.Load.Concurrency*100+r.Round] = r.Client
		}
	}
	s.edit(func(r results.Record) bool { return r.Verdict.Usable() }, func(r *results.Record) {
		r.Client = byLoad[r.Load.Concurrency*100+r.Round]
	})
	a := s.report().Models[0].Recommendation
	if a.Action != pareto.Keep || !strings.Contains(strings.Join(a.Cautions, "\n"), "1 instance did as well as the 4 of now") {
		t.Errorf("%+v", a)
	}
}

func TestInstanceMemory(t *testing.T) {
	m := samples["instances"]().report().Models[0].InstanceMemory
	if m == nil || !slices.Equal(m.Counts, []int{1, 2, 4, 8}) {
		t.Fatalf("%+v", m)
	}
	if m.Container.Value != 310<<20 || m.GPU.Value != 720<<20 {
		t.Errorf("one instance costs %v and %v bytes, want 310 and 720 MiB", m.Container, m.GPU)
	}
	s := samples["instances"]()
	s.edit(func(results.Record) bool { return true }, func(r *results.Record) { r.Resources = results.Resources{} })
	r := s.report()
	if m := r.Models[0].InstanceMemory; m.Container != nil || m.GPU != nil || memoryText(m) != "Memory of one more instance: not reported." {
		t.Errorf("unreported memory became %+v", m)
	}
	if other := samples["queue-delay"]().report().Models[0].InstanceMemory; other != nil {
		t.Errorf("memory per instance without instances: %+v", other)
	}
}

func TestEnvironmentChangesAreFootnotes(t *testing.T) {
	s := samples["nine"]()
	s.records[3].Environment.Server = "triton 2.52.0"
	s.records[4].Environment.Simulated = true
	s.records[0].Environment.Simulated = true
	var kinds []string
	for _, f := range s.report().Footnotes {
		kinds = append(kinds, f.Kind+": "+f.Text)
	}
	all := strings.Join(kinds, "\n")
	for _, want := range []string{"environment: the server version changed during the run: triton 2.51.0, triton 2.52.0", "simulated:", "one-round:"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in:\n%s", want, all)
		}
	}
}

// A round that was measured twice, as after a restart of the run, counts once.
func TestRepeatedRoundCountsOnce(t *testing.T) {
	s := samples["nine"]()
	again := s.records[len(s.records)-1]
	again.Sequence = 1000
	again.Client.Requests += 7
	s.records = append(s.records, again)
	for _, p := range values(onlyGroups(s)) {
		if p.Load == again.Load && p.Settings.Equal(again.Settings) && p.Control == again.Control {
			if p.Measured != 1 || p.Requests != again.Client.Requests {
				t.Errorf("%d rounds, %d requests; want 1 and the later %d", p.Measured, p.Requests, again.Client.Requests)
			}
			return
		}
	}
	t.Fatal("the point is gone")
}

func onlyGroups(s sample) []*group {
	points, control, _ := groupRecords(s.records)
	for _, g := range slices.Concat(points, control) {
		g.figures()
		g.times(s.run.Start)
		g.join(pareto.Options{})
	}
	return slices.Concat(points, control)
}

func TestAnalyzeDoesNotDependOnOrder(t *testing.T) {
	s := samples["noise"]()
	want := asJSON(t, s.report())
	for seed := range uint64(8) {
		records := slices.Clone(s.records)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(records), func(i, j int) {
			records[i], records[j] = records[j], records[i]
		})
		if got := asJSON(t, Analyze(s.run, records)); got != want {
			t.Fatal(cmp.Diff(want, got))
		}
	}
}

// Whatever happens to the points, what can not be used is never recommended,
// and every view can be written.
func TestAnalyzeSurvivesEveryVerdict(t *testing.T) {
	names := []string{"nine", "noise", "instances", "concurrency"}
	rapid.Check(t, func(t *rapid.T) {
		s := samples[rapid.SampledFrom(names).Draw(t, "sample")]()
		s.records = slices.Clone(s.records)
		for i := range s.records {
			spoilAtRandom(t, &s.records[i])
		}
		s.records = s.records[:rapid.IntRange(0, len(s.records)).Draw(t, "measured")]
		s.run.Limit = results.Limit{P99: rapid.SampledFrom([]float64{0, 5, 15, 50}).Draw(t, "limit")}
		r := Analyze(s.run, s.records)
		for _, m := range r.Models {
			p := m.chosen()
			if m.Recommendation.Action == pareto.Change && (p.Current || !p.Verdict.Usable() || len(p.Errors) > 0 || p.Throughput == nil) {
				t.Fatalf("recommended %+v", p)
			}
			if l := s.run.Limit.P99; l > 0 && m.Recommendation.Action == pareto.Change && p.Latency.P99.High > l {
				t.Fatalf("p99 %v does not meet %v", p.Latency.P99, l)
			}
		}
		var out bytes.Buffer
		for _, err := range []error{
			r.JSON(&out), r.CSV(&out), r.Markdown(&out), r.Text(&out, TextOptions{Width: 60, Color: true}), r.HTML(&out), r.Patch(&out),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func spoilAtRandom(t *rapid.T, r *results.Record) {
	r.Client.Errors = nil
	switch rapid.IntRange(0, 9).Draw(t, "fate") {
	case 0:
		spoil(results.Void, "void")(r)
	case 1:
		spoil(results.Refused, "refused")(r)
	case 2:
		r.Client.Errors = map[string]int64{"UNAVAILABLE": 1}
	case 3:
		r.Client.P99, r.Client.Missing = nil, map[string]int64{"p99": 100}
	case 4:
		r.Client = results.Client{}
	case 5:
		r.Server = nil
	case 6:
		r.Active = tritonconfig.Settings{}
	}
}

func asJSON(t interface{ Fatal(...any) }, r *Report) string {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
