package capacity

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tritonsweep/results"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/search"
)

// virtual is Triton in virtual time, under a load.
func virtual(load batcher.Load, requests int, seed uint64) batcher.ModelResult {
	result, err := batcher.Simulate(batcher.Scenario{
		Models: []batcher.Model{{
			Name:    "m",
			Config:  batcher.Config{MaxBatch: 32, Dynamic: true, Instances: 1, Delay: 2 * time.Millisecond},
			Service: batcher.Service{Compute: batcher.Linear(5*time.Millisecond, 500*time.Microsecond)},
			Load:    load,
		}},
		Timing: batcher.DefaultTiming(), Seed: seed, Warmup: 500, Requests: requests, Limit: 10 * time.Minute,
	})
	if err != nil {
		panic(err)
	}
	return result.Models[0]
}

// replications is how many independent runs make one record's interval.
const replications = 10

// measure makes the record of a load, with the interval of replications (Student's
// t on the log scale).
func measure(l sweep.Load, requests int, seed uint64) results.Record {
	r := results.Record{Load: l, Verdict: results.OK}
	var sum, squares, throughput float64
	for i := range replications {
		m := virtual(batcher.Load{Callers: l.Concurrency, Rate: l.Rate}, requests/replications, 1000*seed+uint64(i))
		x := math.Log(float64(m.Latency.P99) / float64(time.Millisecond))
		sum, squares, throughput = sum+x, squares+x*x, throughput+m.Throughput/replications
		r.Client.Requests += int64(m.Requests)
		r.Duration += m.Window.Seconds()
	}
	const t9 = 2.262 // 97.5 % of Student's t, 9 degrees of freedom
	mean := sum / replications
	half := t9 * math.Sqrt(max(squares/replications-mean*mean, 1e-9)/(replications-1))
	r.Client.Throughput = &results.Estimate{Value: throughput, Low: throughput, High: throughput}
	r.Client.P99 = &results.Estimate{Value: math.Exp(mean), Low: math.Exp(mean - half), High: math.Exp(mean + half)}
	if l.Open() {
		r.Client.Arrivals = &results.Arrivals{Overloaded: throughput < 0.9*l.Rate}
	}
	return r
}

// TestVirtualTriton finds the capacity of a server that follows Triton's rules,
// and checks the bracket against long runs at its ends.
func TestVirtualTriton(t *testing.T) {
	run := results.Run{
		Limit: results.Limit{P99: 40},
		Plan:  sweep.Plan{Sweep: Name, Search: &search.Options{Tolerance: 0.03}},
	}
	s, err := Begin(*run.Plan.Search, run.Limit)
	if err != nil {
		t.Fatal(err)
	}
	records := []results.Record{measure(sweep.Load{Concurrency: 64, BatchSize: 1}, 20_000, 1)}
	if err := s.Add(records[0]); err != nil {
		t.Fatal(err)
	}
	for {
		ask, round, more := s.Next()
		if !more {
			break
		}
		if len(records) > 60 {
			t.Fatalf("the search does not end: %+v", ask)
		}
		r := measure(sweep.Load{Rate: ask.Rate, Arrivals: sweep.Poisson, BatchSize: 1}, ask.Length*10_000, uint64(len(records)+1))
		r.Round = round
		records = append(records, r)
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	b := s.Bracket()
	p99 := func(rate float64) float64 {
		m := virtual(batcher.Load{Rate: rate}, 400_000, 99)
		return float64(m.Latency.P99) / float64(time.Millisecond)
	}
	low, high := p99(b.Low), p99(b.High)
	t.Logf("a closed loop reaches %.0f/s; capacity %.0f to %.0f/s in %d points; p99 in long runs there: %.2f and %.2f ms of %.0f",
		records[0].Client.Throughput.Value, b.Low, b.High, len(records), low, high, run.Limit.P99)
	if !b.Confirmed || b.High > 1.1*b.Low || low > run.Limit.P99 || high < run.Limit.P99 {
		t.Errorf("bracket %+v", b)
	}

	again, err := Replay(run, records)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Tried(), again.Tried()); diff != "" || again.Bracket() != b {
		t.Errorf("the records replayed say %+v, not %+v\n%s", again.Bracket(), b, diff)
	}
}

// TestObserve: what each kind of record tells the search.
func TestObserve(t *testing.T) {
	p99 := &results.Estimate{Value: 10, Low: 9, High: 11}
	for name, test := range map[string]struct {
		record results.Record
		want   search.Standing
	}{
		"passes":       {results.Record{Verdict: results.OK, Client: results.Client{Requests: 5000, P99: p99}}, search.Passes},
		"noisy passes": {results.Record{Verdict: results.Noisy, Client: results.Client{Requests: 5000, P99: p99}}, search.Passes},
		"slow":         {results.Record{Verdict: results.OK, Client: results.Client{Requests: 5000, P99: &results.Estimate{Value: 30, Low: 25, High: 40}}}, search.Fails},
		"near":         {results.Record{Verdict: results.OK, Client: results.Client{Requests: 5000, P99: &results.Estimate{Value: 19, Low: 17, High: 21}}}, search.Undecided},
		"no p99":       {results.Record{Verdict: results.Noisy, Client: results.Client{Requests: 500}}, search.Undecided},
		"unsteady":     {results.Record{Verdict: results.Unsteady, Client: results.Client{Requests: 5000, P99: p99}}, search.Undecided},
		"overloaded": {results.Record{Verdict: results.Unsteady, Client: results.Client{Requests: 5000, P99: p99,
			Arrivals: &results.Arrivals{Overloaded: true}}}, search.Fails},
		"errors": {results.Record{Verdict: results.Void, Checks: []results.Check{{Name: "errors"}},
			Client: results.Client{Requests: 5000, P99: p99, Errors: map[string]int64{"UNAVAILABLE": 500}}}, search.Fails},
		"few requests": {results.Record{Verdict: results.OK, Client: results.Client{Requests: 50, P99: p99}}, search.Undecided},
		"void": {results.Record{Verdict: results.Void, Checks: []results.Check{{Name: "client-bound"}},
			Client: results.Client{Requests: 5000, P99: p99, Arrivals: &results.Arrivals{Overloaded: true}}}, search.Unmeasured},
		"failed": {results.Record{Verdict: results.Failed}, search.Unmeasured},
	} {
		s, err := Begin(search.Options{Start: 100}, results.Limit{P99: 20})
		if err != nil {
			t.Fatal(err)
		}
		test.record.Load = sweep.Load{Rate: 100, Arrivals: sweep.Poisson, BatchSize: 1}
		s.Next()
		if err := s.Add(test.record); err != nil {
			t.Fatal(err)
		}
		if got := s.Tried()[0].Standing; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestNoBeginning(t *testing.T) {
	s, err := Begin(search.Options{}, results.Limit{P99: 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(results.Record{Load: sweep.Load{Concurrency: 4, BatchSize: 1}, Verdict: results.Failed}); err != nil {
		t.Fatal(err)
	}
	if _, _, more := s.Next(); more || s.Start() != 0 || s.Tried() != nil {
		t.Error("a search began from nothing")
	}
	if _, err := Replay(results.Run{}, nil); err == nil {
		t.Error("a run without a search was replayed")
	}
}
