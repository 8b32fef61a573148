package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// TestCoverage measures simulated servers whose true figures are known, in
// virtual time, with the recorder, the warm-up, the stopping rule and the
// judgement of every measurement, and counts how often the intervals hold the
// truth. `make proof-coverage` runs it a thousand times a server and asks for 93
// to 97 %; the seeds are fixed, so it passes always or never.
func TestCoverage(t *testing.T) {
	n, slack := 60, 0.10
	if testing.Short() {
		n, slack = 15, 0.25
	}
	if text := os.Getenv("TRITONSWEEP_COVERAGE"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		slack = 0
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-26s %5s %9s %7s %7s %7s %8s %7s %7s\n", "latencies", "runs", "unsteady", "thruput", "p95", "p99", "seconds", "+-thru", "+-p99")
	for _, s := range streams() {
		c := repeat(s, n)
		fmt.Fprintln(&table, c)
		c.check(t, slack)
	}
	t.Logf("95 %% intervals that hold the truth, in %%\n%s", table.String())
}

// figures of a point whose truth is known.
var figures = []string{"throughput", "p95", "p99"}

// coverage is what came out of many measurements of one server.
type coverage struct {
	stream
	runs, unsteady int
	hits, known    map[string]int
	gaps           int
	seconds        float64
	widths         map[string]float64 // sums of relative half-widths
}

// repeat measures one server n times, spread over the processors.
func repeat(s stream, n int) coverage {
	c := coverage{stream: s, hits: map[string]int{}, known: map[string]int{}, widths: map[string]float64{}}
	var mu sync.Mutex
	var workers sync.WaitGroup
	seeds := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := range seeds {
				r := s.measure(uint64(seed))
				mu.Lock()
				c.add(r)
				mu.Unlock()
			}
		})
	}
	for seed := range n {
		seeds <- seed
	}
	close(seeds)
	workers.Wait()
	return c
}

func (c *coverage) add(r Result) {
	c.runs++
	if r.Gap != nil {
		c.gaps++
	}
	if r.Verdict == results.Unsteady {
		c.unsteady++
		return
	}
	c.seconds += r.Duration.Seconds()
	p95, _ := r.Quantile(0.95)
	p99, _ := r.Quantile(0.99)
	count := func(name string, low, high, width float64) {
		c.known[name]++
		c.widths[name] += width
		if low <= c.truth[name] && c.truth[name] <= high {
			c.hits[name]++
		}
	}
	if r.Throughput != nil {
		count("throughput", r.Throughput.Low, r.Throughput.High, r.Throughput.Relative())
	}
	if p95.Missing == 0 {
		count("p95", p95.Low, p95.High, p95.Relative())
	}
	if p99.Missing == 0 {
		count("p99", p99.Low, p99.High, p99.Relative())
	}
}

// share returns the coverage of a figure.
func (c coverage) share(name string) float64 { return float64(c.hits[name]) / float64(c.known[name]) }

func (c coverage) String() string {
	steady := float64(c.runs - c.unsteady)
	line := fmt.Sprintf("%-26s %5d %8.1f%%", c.name, c.runs, 100*float64(c.unsteady)/float64(c.runs))
	if c.drifts {
		return line + "   must be unsteady"
	}
	for _, f := range figures {
		line += fmt.Sprintf(" %7.1f", 100*c.share(f))
	}
	return line + fmt.Sprintf(" %8.1f %6.1f%% %6.1f%%", c.seconds/steady, 100*c.widths["throughput"]/steady, 100*c.widths["p99"]/float64(c.known["p99"]))
}

// check holds the coverage against what is promised.
func (c coverage) check(t *testing.T, slack float64) {
	t.Helper()
	unsteady := float64(c.unsteady) / float64(c.runs)
	if c.drifts {
		if unsteady < 0.99-slack {
			t.Errorf("%s: %.1f %% ended unsteady, all should", c.name, 100*unsteady)
		}
		return
	}
	if unsteady > 0.05+slack {
		t.Errorf("%s: %.1f %% ended unsteady, at most 5 %% may", c.name, 100*unsteady)
	}
	for _, f := range figures {
		if s := c.share(f); s < 0.93-slack || s > 0.97+slack || c.known[f] < c.runs/2 {
			t.Errorf("%s: %s covered in %.1f %% of %d, want 93 to 97 %%", c.name, f, 100*s, c.known[f])
		}
	}
}

// stream is a simulated server under a closed loop.
type stream struct {
	name   string
	truth  map[string]float64
	drifts bool
	start  func(*rand.Rand) func() completion
}

// completion is one answer: when it came, counted from the start of the load,
// and its latency, both in milliseconds.
type completion struct{ end, latency float64 }

// measure does what run.measure does, on a clock of its own.
func (s stream) measure(seed uint64) Result {
	begun := time.Unix(1000, 0)
	next := s.start(rand.New(rand.NewPCG(seed, 0x636f_7665_7261)))
	pending := next()
	request, err := NewRequest(testModel(), Data{}, 1)
	if err != nil {
		panic(err)
	}
	spec := Spec{Load: sweep.Load{Concurrency: callersOf, BatchSize: 1}, Quantile: 0.99}.withDefaults()
	r := &run{spec: spec, request: request, begun: begun, recorder: newRecorder(begun, 50*time.Millisecond, false)}
	advance := func(to time.Time) {
		for {
			end := begun.Add(time.Duration(pending.end * float64(time.Millisecond)))
			if end.After(to) {
				return
			}
			start := end.Add(-time.Duration(pending.latency * float64(time.Millisecond)))
			r.recorder.success(timing{due: start, start: start, end: end}, Answer{Sent: start})
			pending = next()
		}
	}
	now := begun
	for done := false; !done; {
		now = now.Add(250 * time.Millisecond)
		advance(now)
		warm := r.recorder.warmup(now)
		r.latency = warm.mean()
		n, _ := r.recorder.counts()
		done = now.Sub(begun) >= spec.MaxDuration || spec.warmed(now.Sub(begun), n, r.warmRequests(), warm)
	}
	limit := now.Add(spec.MaxDuration)
	for r.stopping = newStopping(spec); ; {
		if r.recorder.window.start.IsZero() || r.opened != r.recorder.window.start {
			r.opened = now
			r.recorder.begin(now)
		}
		now = r.opened.Add(r.stopping.next)
		if now.After(limit) {
			now = limit
		}
		advance(now)
		v := r.recorder.look(now)
		j := spec.judge(v)
		if j.known {
			r.latency = time.Duration(j.mean.Value * float64(time.Millisecond))
		}
		switch r.stopping.look(v.elapsed, limit.Sub(now), r.latency, j) {
		case enough:
			o := outcome{run: r, window: r.recorder.end(now), end: now}
			return o.result()
		case anew:
			r.opened = time.Time{}
		}
	}
}

// callersOf is the concurrency of the simulated loads.
const callersOf = 16

// streams are the simulated servers. Every caller asks again at once, so the
// throughput is callers over mean latency, and every request counts alike.
func streams() []stream {
	steady := func(name string, d distribution, start func(*rand.Rand) func() completion) stream {
		return stream{name: name, start: start, truth: map[string]float64{
			"throughput": callersOf / d.mean * 1000, "p95": d.quantile(0.95), "p99": d.quantile(0.99),
		}}
	}
	log := logNormal(10, 0.4)
	two := mixture(0.85, logNormal(5, 0.1), logNormal(20, 0.15))
	out := []stream{
		steady("independent", log, groups(callersOf, 1, 0, log, nil)),
		steady("independent, heavy tail", logNormal(10, 0.8), groups(callersOf, 1, 0, logNormal(10, 0.8), nil)),
		steady("batches of 8", logNormal(10, 0.3), groups(2, 8, 0, logNormal(10, 0.3), nil)),
		steady("batches of 8, correlated", logNormal(10, 0.3), groups(2, 8, 0.6, logNormal(10, 0.3), nil)),
		steady("bimodal", two, groups(callersOf, 1, 0, two, nil)),
		steady("bimodal batches of 4", two, groups(4, 4, 0.5, two, nil)),
		steady("slowly warming", log, groups(callersOf, 1, 0, log, func(ms float64) float64 { return 1 + 0.5*math.Exp(-ms/1500) })),
		steady("slowly warming batches", logNormal(10, 0.3), groups(4, 4, 0.3, logNormal(10, 0.3), func(ms float64) float64 { return 1 + 0.5*math.Exp(-ms/1500) })),
	}
	drifting := steady("drifting", log, groups(callersOf, 1, 0, log, func(ms float64) float64 { return 1 + 0.05*ms/1000 }))
	drifting.drifts = true
	return append(out, drifting)
}

// distribution is a distribution of latencies, given by its inverse: a function
// of a standard normal value.
type distribution struct {
	mean  float64
	value func(z float64) float64
}

func (d distribution) quantile(p float64) float64 { return d.value(math.Sqrt2 * math.Erfinv(2*p-1)) }

func logNormal(median, sigma float64) distribution {
	return distribution{
		mean:  median * math.Exp(sigma*sigma/2),
		value: func(z float64) float64 { return median * math.Exp(sigma*z) },
	}
}

// mixture is a with the given share and b for the rest; all of b is above a.
func mixture(share float64, a, b distribution) distribution {
	return distribution{
		mean: share*a.mean + (1-share)*b.mean,
		value: func(z float64) float64 {
			u := math.Erfc(-z/math.Sqrt2) / 2
			d, p := a, u/share
			if u >= share {
				d, p = b, (u-share)/(1-share)
			}
			return d.quantile(min(max(p, 1e-12), 1-1e-12))
		},
	}
}

// groups simulates n groups of size callers each. The callers of a group are
// answered together; the group's successive latencies have correlation rho on
// the normal scale. Slow stretches latencies over time.
func groups(n, size int, rho float64, d distribution, slow func(ms float64) float64) func(*rand.Rand) func() completion {
	return func(random *rand.Rand) func() completion {
		type group struct{ end, latency, state float64 }
		all := make([]group, n)
		begin := func(g *group, at float64) {
			g.state = rho*g.state + math.Sqrt(1-rho*rho)*random.NormFloat64()
			g.latency = d.value(g.state)
			if slow != nil {
				g.latency *= slow(at)
			}
			g.end = at + g.latency
		}
		for i := range all {
			all[i].state = random.NormFloat64()
			begin(&all[i], d.mean*random.Float64())
		}
		first, left := -1, 0
		return func() completion {
			if left == 0 {
				if first >= 0 {
					begin(&all[first], all[first].end)
				}
				first, left = 0, size
				for i := range all {
					if all[i].end < all[first].end {
						first = i
					}
				}
			}
			left--
			return completion{all[first].end, all[first].latency}
		}
	}
}
