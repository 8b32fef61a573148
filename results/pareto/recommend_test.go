package pareto

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tritonsweep/results"
	"tritonsweep/results/stats"
)

// quiet is a machine whose starts differ by 0.2 %, known well.
var quiet = Options{
	Throughput: stats.Noise{SD: 0.002, DF: 50}, Latency: stats.Noise{SD: 0.002, DF: 50}, Comparisons: 20,
}

// candidate measured in three rounds; every interval is +-width.
func candidate(id, load string, throughput, latency, width float64) Candidate {
	c := Candidate{ID: id, Load: load, Instances: 1, Throughput: Figure{}, Latency: map[Quantile]Figure{P95: {}, P99: {}}}
	for round := 1; round <= 3; round++ {
		c.Throughput[round] = around(throughput, width)
		c.Latency[P95][round] = around(latency, width)
		c.Latency[P99][round] = around(1.2*latency, width)
	}
	return c
}

func around(v, width float64) stats.Interval {
	return stats.Interval{Value: v, Low: v / (1 + width), High: v * (1 + width)}
}

func ids(candidates []Candidate, index int) string {
	if index < 0 {
		return ""
	}
	return candidates[index].ID
}

func TestRecommend(t *testing.T) {
	const w = 0.005
	control := []Candidate{candidate("control 8", "8", 400, 20, w), candidate("control 32", "32", 600, 50, w)}
	good8, good32 := candidate("good 8", "8", 500, 16, w), candidate("good 32", "32", 800, 40, w)
	with := func(c Candidate, change func(*Candidate)) Candidate { change(&c); return c }
	for name, test := range map[string]struct {
		candidates []Candidate
		control    []Candidate
		limit      results.Limit
		action     Action
		chosen     string
		against    string
		reason     string
	}{
		"better everywhere": {
			[]Candidate{good8, good32}, control, results.Limit{}, Change, "good 32", "control 32", "significantly better",
		},
		"within the limit": {
			[]Candidate{good8, good32}, control, results.Limit{P95: 30}, Change, "good 8", "control 8", "significantly better",
		},
		"p99 counts too": {
			[]Candidate{good8, good32}, control, results.Limit{P95: 100, P99: 30}, Change, "good 8", "control 8", "",
		},
		"noise": {
			[]Candidate{candidate("a", "8", 401, 19.9, w), candidate("b", "32", 599, 50.2, w)},
			control, results.Limit{}, Keep, "", "control 8", noDifference,
		},
		"noise under a limit": {
			[]Candidate{candidate("a", "8", 401, 19.9, w)}, control, results.Limit{P95: 30}, Keep, "", "control 8", noDifference,
		},
		"worse": {
			[]Candidate{candidate("a", "8", 300, 30, w)}, control, results.Limit{}, Keep, "", "control 8", noDifference,
		},
		"faster but late": { // throughput up, latency up: no improvement without a limit
			[]Candidate{candidate("a", "8", 450, 25, w)}, control[:1], results.Limit{}, Keep, "", "control 8", noDifference,
		},
		"faster but late, within the limit": {
			[]Candidate{candidate("a", "8", 450, 25, w)}, control[:1], results.Limit{P95: 30}, Change, "a", "control 8", "",
		},
		"interval beyond the limit": {
			[]Candidate{candidate("a", "32", 800, 29.9, 0.03)}, control, results.Limit{P95: 30}, Keep, "", "control 8", noDifference,
		},
		"control misses by noise alone": {
			[]Candidate{candidate("a", "32", 602, 49.8, 0.0001)}, control[1:], results.Limit{P95: 49.95}, Keep, "", "control 32", noDifference,
		},
		"only the candidate meets the limit": {
			[]Candidate{good8}, control[1:], results.Limit{P95: 30}, Keep, "", "control 32", noDifference, // no control of its load
		},
		"nothing meets the limit": {
			[]Candidate{good8, good32}, control, results.Limit{P95: 10}, None, "", "control 8", "the closest: p95 16 ms is above 10 ms",
		},
		"met by the point estimate alone": {
			[]Candidate{candidate("a", "32", 800, 29.9, 0.03), candidate("b", "32", 800, 31, 0.03)},
			control[1:], results.Limit{P95: 30}, None, "", "control 32",
			"meets the limit for certain; the closest: p95 29.9 ms meets 30 ms, but its interval reaches",
		},
		"errors": {
			[]Candidate{with(good8, func(c *Candidate) { c.Errors = 1 })}, control, results.Limit{}, Keep, "", "control 8", noDifference,
		},
		"void": {
			[]Candidate{with(good8, func(c *Candidate) { c.Excluded = "void: the client was the bottleneck" })},
			control, results.Limit{}, Keep, "", "control 8", "",
		},
		"missing quantile": {
			[]Candidate{with(good8, func(c *Candidate) {
				c.Latency = map[Quantile]Figure{P95: c.Latency[P95]}
				c.Missing = map[Quantile]int64{P99: 700}
			})}, control, results.Limit{P99: 30}, Keep, "", "control 8", "",
		},
		"fewer instances win a tie": {
			[]Candidate{
				with(good32, func(c *Candidate) { c.Instances = 4; c.ID = "four" }),
				with(candidate("two", "32", 798, 40.1, w), func(c *Candidate) { c.Instances = 2 }),
			}, control, results.Limit{}, Change, "two", "control 32", "",
		},
		"more instances win when they pay": {
			[]Candidate{
				with(good32, func(c *Candidate) { c.Instances = 4; c.ID = "four" }),
				with(candidate("two", "32", 700, 45, w), func(c *Candidate) { c.Instances = 2 }),
			}, control, results.Limit{}, Change, "four", "control 32", "",
		},
		"no control": {
			[]Candidate{good8}, nil, results.Limit{}, Change, "good 8", "", "could not be compared",
		},
		"nothing":             {nil, nil, results.Limit{}, None, "", "", "no point can be used"},
		"nothing but control": {nil, control, results.Limit{P95: 30}, Keep, "", "control 8", noDifference},
	} {
		t.Run(name, func(t *testing.T) {
			got := Recommend(test.candidates, test.control, test.limit, quiet)
			if got.Action != test.action || ids(test.candidates, got.Chosen) != test.chosen ||
				ids(test.control, got.Control) != test.against || !strings.Contains(got.Reason, test.reason) {
				t.Errorf("got %s %q against %q because %q; rejected %v",
					got.Action, ids(test.candidates, got.Chosen), ids(test.control, got.Control), got.Reason, got.Rejected)
			}
		})
	}
}

func TestStand(t *testing.T) {
	c := candidate("a", "8", 400, 20, 0.02) // p95 20, p99 24
	c.Missing = map[Quantile]int64{P99: 700}
	for _, test := range []struct {
		limit results.Limit
		want  Standing
		why   string
	}{
		{results.Limit{}, Unlimited, ""},
		{results.Limit{P95: 25}, Met, ""},
		{results.Limit{P95: 20.1}, Barely, "p95 20 ms meets 20.1 ms, but its interval reaches"},
		{results.Limit{P95: 19}, Missed, "p95 20 ms is above 19 ms"},
		{results.Limit{P95: 25, P99: 23}, Missed, "p99 24 ms"},
	} {
		got, why := c.Stand(test.limit, quiet)
		if got != test.want || !strings.HasPrefix(why, test.why) {
			t.Errorf("limit %+v: %q %q, want %q %q", test.limit, got, why, test.want, test.why)
		}
	}
	delete(c.Latency, P99)
	if got, why := c.Stand(results.Limit{P95: 25, P99: 50}, quiet); got != Unknown || !strings.Contains(why, "700 more requests") {
		t.Errorf("missing p99: %q %q", got, why)
	}
}

// scene draws candidates and controls of two loads with narrow intervals.
func scene(t *rapid.T) (candidates, control []Candidate, limit results.Limit) {
	draw := func(id, load string) Candidate {
		c := candidate(id, load, float64(rapid.IntRange(100, 160).Draw(t, "throughput")),
			float64(rapid.IntRange(10, 16).Draw(t, "latency")), 0.001)
		c.Instances = rapid.IntRange(1, 3).Draw(t, "instances")
		return c
	}
	for i := range rapid.IntRange(1, 8).Draw(t, "n") {
		candidates = append(candidates, draw(fmt.Sprintf("c%d", i), rapid.SampledFrom([]string{"1", "8"}).Draw(t, "load")))
	}
	control = []Candidate{draw("control 1", "1"), draw("control 8", "8")}
	if rapid.Bool().Draw(t, "limited") {
		limit.P95 = 0.5 + float64(rapid.IntRange(9, 17).Draw(t, "limit"))
	}
	return candidates, control, limit
}

func TestRecommendDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		candidates, control, limit := scene(t)
		before := Recommend(candidates, control, limit, quiet)
		shuffled := slices.Clone(candidates)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		slices.Reverse(control)
		after := Recommend(shuffled, control, limit, quiet)
		if a, b := ids(candidates, before.Chosen), ids(shuffled, after.Chosen); a != b || before.Action != after.Action {
			t.Fatalf("%s %q became %s %q", before.Action, a, after.Action, b)
		}
	})
}

func TestRecommendDoesNotDependOnTheUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		candidates, control, limit := scene(t)
		before := Recommend(candidates, control, limit, quiet)
		scale := func(list []Candidate) {
			for _, c := range list {
				for _, figure := range c.Latency {
					for round, i := range figure {
						figure[round] = stats.Interval{Value: 1024 * i.Value, Low: 1024 * i.Low, High: 1024 * i.High}
					}
				}
			}
		}
		scale(candidates)
		scale(control)
		limit.P95 *= 1024
		after := Recommend(candidates, control, limit, quiet)
		if before.Action != after.Action || before.Chosen != after.Chosen {
			t.Fatalf("%s %d became %s %d", before.Action, before.Chosen, after.Action, after.Chosen)
		}
	})
}

// A point that another one of its load beats in everything is never the advice,
// and adding one changes nothing.
func TestDominatedCandidates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		candidates, control, limit := scene(t)
		before := Recommend(candidates, control, limit, quiet)
		if before.Chosen >= 0 {
			chosen := candidates[before.Chosen]
			p, _ := chosen.place(P95, quiet)
			for _, c := range candidates {
				q, _ := c.place(P95, quiet)
				if c.Load == chosen.Load && c.Instances <= chosen.Instances && q.Dominates(p) {
					t.Fatalf("%s %v was recommended, %s %v is better", chosen.ID, p, c.ID, q)
				}
			}
		}
		master := candidates[rapid.IntRange(0, len(candidates)-1).Draw(t, "master")]
		p, _ := master.place(P95, quiet)
		slave := candidate("z", master.Load, p.Throughput*rapid.Float64Range(0.3, 0.999).Draw(t, "less"),
			p.Latency*rapid.Float64Range(1.001, 2).Draw(t, "later"), 0.001)
		slave.Instances = master.Instances + rapid.IntRange(0, 2).Draw(t, "instances")
		after := Recommend(append(slices.Clone(candidates), slave), control, limit, quiet)
		if before.Action != after.Action || before.Chosen != after.Chosen {
			t.Fatalf("%s %d became %s %d", before.Action, before.Chosen, after.Action, after.Chosen)
		}
	})
}

// simulate measures n settings, the first ones faster by gain, and the control,
// in three rounds on a machine of which nothing is known beforehand.
func simulate(random *rand.Rand, n int, gain float64) (candidates, control []Candidate) {
	const between, within = 0.012, 0.01
	measure := func(id string, factor float64) Candidate {
		c := Candidate{ID: id, Load: "8", Throughput: Figure{}, Latency: map[Quantile]Figure{P95: {}}}
		for round := 1; round <= 3; round++ {
			start := math.Exp(between * random.NormFloat64())
			value := func(v float64) stats.Interval {
				v *= math.Exp(within * random.NormFloat64())
				return stats.Interval{Value: v, Low: v * math.Exp(-z95*within), High: v * math.Exp(z95*within)}
			}
			c.Throughput[round] = value(500 * factor * start)
			c.Latency[P95][round] = value(16 / factor / start)
		}
		return c
	}
	for i := range n {
		factor := 1.0
		if i == 0 {
			factor += gain
		}
		candidates = append(candidates, measure(fmt.Sprintf("c%02d", i), factor))
	}
	return candidates, []Candidate{measure("control", 1)}
}

func options(candidates, control []Candidate) Options {
	var x, l []Figure
	for _, c := range append(slices.Clone(candidates), control...) {
		x, l = append(x, c.Throughput), append(l, c.Latency[P95])
	}
	return Options{
		Throughput: EstimateNoise(x, stats.DefaultNoise), Latency: EstimateNoise(l, stats.DefaultNoise),
	}
}

// Of sweeps over settings that are all equal, hardly one may end with a change;
// of sweeps with one that is 10 % better, nearly all must find it.
func TestRecommendFindsGainsAndNotNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const sweeps = 120
	false_, found, wrong := 0, 0, 0
	for range sweeps {
		candidates, control := simulate(random, 11, 0)
		if Recommend(candidates, control, results.Limit{}, options(candidates, control)).Action == Change {
			false_++
		}
		candidates, control = simulate(random, 11, 0.10)
		switch Recommend(candidates, control, results.Limit{}, options(candidates, control)).Chosen {
		case 0:
			found++
		case -1:
		default:
			wrong++
		}
	}
	t.Logf("of %d sweeps: false gains %d, gains of 10 %% found %d, another one taken %d", sweeps, false_, found, wrong)
	if false_ > sweeps*3/100 {
		t.Errorf("%d of %d A/A sweeps ended with a change", false_, sweeps)
	}
	if found < sweeps*90/100 || wrong > 0 {
		t.Errorf("found %d and mistook %d of %d gains", found, wrong, sweeps)
	}
}

func TestEstimateNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	candidates, control := simulate(random, 60, 0)
	if sd := options(candidates, control).Throughput.SD; sd < 0.010 || sd > 0.014 {
		t.Errorf("noise between starts %.4f, want about 0.012", sd)
	}
	single := Figure{1: around(100, 0.01)}
	if got := EstimateNoise([]Figure{single, nil}, stats.DefaultNoise); got != stats.DefaultNoise {
		t.Errorf("without a repeated round the noise is %v, want the prior", got)
	}
	if got := EstimateNoise([]Figure{{1: {Value: 1}, 2: {}}}, stats.DefaultNoise); got != stats.DefaultNoise {
		t.Errorf("rounds without figures count: %v", got)
	}
}

func TestRatioUsesCommonRounds(t *testing.T) {
	base := Figure{1: around(100, 0.001), 2: around(200, 0.001), 3: around(400, 0.001)}
	other := Figure{2: around(220, 0.001), 3: around(440, 0.001)}
	if r := other.RatioTo(base, quiet.Throughput); math.Abs(r.Value-1.1) > 1e-9 {
		t.Errorf("ratio %v, want 1.1: round 1 has no partner", r.Value)
	}
	if r := (Figure{9: around(100, 0.001)}).RatioTo(Figure{1: around(50, 0.001)}, quiet.Throughput); math.Abs(r.Value-2) > 1e-9 {
		t.Errorf("ratio without common rounds %v, want 2", r.Value)
	}
	if r := (Figure)(nil).RatioTo(base, quiet.Throughput); r.Value != 0 {
		t.Errorf("ratio of nothing: %v", r)
	}
}
