package search

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// server is a synthetic one: its p99 grows with the rate as in a queue, and its
// figures are seen through noise whose size the interval knows.
type server struct {
	base, saturation, limit float64
	power                   float64
	noise                   float64 // standard error of the log of a figure, first look
	light                   float64 // below this rate it misses the limit: it waits for batches
	random                  *rand.Rand
}

func (s *server) p99(rate float64) float64 {
	if rate < s.light {
		return 2 * s.limit
	}
	return s.base / math.Pow(1-rate/s.saturation, s.power)
}

// capacity solves p99 = limit.
func (s *server) capacity() float64 {
	return s.saturation * (1 - math.Pow(s.base/s.limit, 1/s.power))
}

func (s *server) measure(a Ask) Observation {
	if a.Rate >= s.saturation {
		return Observation{Rate: a.Rate, Overload: true, Figures: []Figure{{Name: "p99", Limit: s.limit, Value: math.NaN()}}}
	}
	error := s.noise / math.Sqrt(float64(a.Length))
	seen := s.p99(a.Rate) * math.Exp(error*s.random.NormFloat64())
	spread := math.Exp(normal95 * error)
	return Observation{Rate: a.Rate, Figures: []Figure{{Name: "p99", Limit: s.limit, Value: seen, Low: seen / spread, High: seen * spread}}}
}

// find runs a search to its end.
func find(t interface{ Fatalf(string, ...any) }, o Options, measure func(Ask) Observation) (*Capacity, int) {
	c, err := NewCapacity(o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for n := 0; ; n++ {
		a, more := c.Ask()
		if !more {
			return c, n
		}
		if n > 1000 || !(a.Rate > 0) || math.IsInf(a.Rate, 1) || a.Length < 1 {
			t.Fatalf("ask %d is %+v", n, a)
		}
		c.Tell(measure(a))
	}
}

func drawServer(t *rapid.T) *server {
	s := &server{
		base: rapid.Float64Range(0.1, 100).Draw(t, "base"), saturation: rapid.Float64Range(1, 1e5).Draw(t, "saturation"),
		power: rapid.Float64Range(0.3, 2).Draw(t, "power"), random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)),
	}
	s.limit = s.base * rapid.Float64Range(1.05, 50).Draw(t, "limit")
	return s
}

// TestExactServer: without noise the bracket always holds the capacity, is as
// narrow as asked, and is found in few measurements.
func TestExactServer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawServer(t)
		o := Options{Start: s.saturation * rapid.Float64Range(0.3, 1.5).Draw(t, "start"), Tolerance: rapid.Float64Range(0.01, 0.3).Draw(t, "tolerance")}
		c, n := find(t, o, s.measure)
		b, truth := c.Bracket(), s.capacity()
		if truth < o.Start/64 {
			return // beyond the span: TestNothingPasses
		}
		if !b.Bounded || !b.Confirmed || !b.Narrow || b.Low > truth*(1+1e-9) || b.High < truth*(1-1e-9) {
			t.Fatalf("capacity %g, bracket %+v after %d", truth, b, n)
		}
		if n > 24 {
			t.Fatalf("%d measurements", n)
		}
	})
}

// TestNoisyServer: with noise the bracket holds the capacity as often as it
// claims, over many servers, and the search still ends.
func TestNoisyServer(t *testing.T) {
	held, claimed, points := 0, 0, 0
	const runs = 2000
	for seed := range uint64(runs) {
		random := rand.New(rand.NewPCG(seed, 7))
		s := &server{
			base: 5, saturation: 1000 * (0.5 + random.Float64()), power: 0.5 + random.Float64(),
			noise: 0.01 + 0.09*random.Float64(), random: random,
		}
		s.limit = s.base * (1.3 + 5*random.Float64())
		c, n := find(t, Options{Start: 0.9 * s.saturation}, s.measure)
		points += n
		b := c.Bracket()
		if !b.Confirmed {
			continue
		}
		claimed++
		if truth := s.capacity(); b.Low <= truth && truth <= b.High {
			held++
		}
	}
	share := float64(held) / float64(claimed)
	t.Logf("%d of %d brackets hold the capacity (%.1f %%), %d claimed nothing, %.1f measurements each",
		held, claimed, 100*share, runs-claimed, float64(points)/runs)
	if share < 0.945 { // 0.95 less two standard errors
		t.Errorf("brackets hold the capacity in %.1f %% of runs, 95 %% are claimed", 100*share)
	}
	if claimed < runs*98/100 {
		t.Errorf("only %d of %d searches came to an end that they claim", claimed, runs)
	}
}

func TestNothingPasses(t *testing.T) {
	s := &server{base: 10, saturation: 100, power: 1, limit: 9, random: rand.New(rand.NewPCG(1, 1))}
	c, n := find(t, Options{Start: 90}, s.measure)
	if b := c.Bracket(); b.Low != 0 || !b.Bounded || b.Confidence != 0 || n > 12 {
		t.Errorf("%+v after %d", b, n)
	}
}

func TestNothingFails(t *testing.T) {
	s := &server{base: 1, saturation: 1e12, power: 1, limit: 9, random: rand.New(rand.NewPCG(1, 1))}
	c, n := find(t, Options{Start: 90, Span: 8}, s.measure)
	if b := c.Bracket(); b.Low < 90*4 || b.High != 0 || b.Bounded || n > 12 {
		t.Errorf("%+v after %d", b, n)
	}
}

// TestSlowUnderLightLoad: rates that fail far below the capacity are told, and do
// not hide it.
func TestSlowUnderLightLoad(t *testing.T) {
	s := &server{base: 5, saturation: 1000, power: 1, limit: 10, light: 300, random: rand.New(rand.NewPCG(1, 1))}
	c, _ := find(t, Options{Start: 900}, s.measure)
	if b := c.Bracket(); b.Low > 500 || b.High < 500 || !b.Confirmed {
		t.Errorf("%+v, capacity 500", b)
	}
	c.Tell(s.measure(Ask{Rate: 100, Length: 1}))
	if b := c.Bracket(); !b.SlowBelow {
		t.Errorf("%+v does not say that 100 fails", b)
	}
}

// TestClientLimit: where the client gives out, the bracket has no upper end.
func TestClientLimit(t *testing.T) {
	s := &server{base: 1, saturation: 1e6, power: 1, limit: 9, random: rand.New(rand.NewPCG(1, 1))}
	c, n := find(t, Options{Start: 90}, func(a Ask) Observation {
		if a.Rate > 250 {
			return Observation{Rate: a.Rate, Void: true}
		}
		return s.measure(a)
	})
	if b := c.Bracket(); b.Bounded || b.Low < 230 || b.Low > 250 || b.High < 250 || n > 20 {
		t.Errorf("%+v after %d", b, n)
	}
}

// TestLossyMachine: measurements that are spoilt now and then cost time, not the
// result.
func TestLossyMachine(t *testing.T) {
	s := &server{base: 5, saturation: 1000, power: 1, limit: 10, random: rand.New(rand.NewPCG(1, 1))}
	for seed := range uint64(50) {
		luck := rand.New(rand.NewPCG(seed, 3))
		c, n := find(t, Options{Start: 900}, func(a Ask) Observation {
			if luck.Float64() < 0.2 {
				return Observation{Rate: a.Rate, Void: true}
			}
			return s.measure(a)
		})
		if b := c.Bracket(); b.Low > 500 || b.High < 500 || b.Low < 250 || b.High > 1000 {
			t.Errorf("seed %d: %+v after %d, capacity 500", seed, b, n)
		}
	}
}

// TestUndecided: where noise never lets a rate near the capacity be decided, the
// ends stay on its two sides.
func TestUndecided(t *testing.T) {
	s := &server{base: 5, saturation: 1000, power: 1, limit: 10, noise: 1e-6, random: rand.New(rand.NewPCG(1, 1))}
	c, n := find(t, Options{Start: 900}, func(a Ask) Observation {
		o := s.measure(a)
		if a.Rate > 420 && a.Rate < 600 {
			o.Figures[0].Low, o.Figures[0].High = 5, 20
		}
		return o
	})
	b := c.Bracket()
	if b.Narrow || !b.Confirmed || b.Low > 420 || b.Low < 380 || b.High < 600 || b.High > 660 {
		t.Errorf("%+v after %d, want about 420 to 600", b, n)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{{}, {Start: -1}, {Start: math.Inf(1)}, {Start: math.NaN()}, {Start: 1, Tolerance: 1}, {Start: 1, Looks: -1}, {Start: 1, Points: -1}, {Start: 1, Span: 0.5}} {
		if _, err := NewCapacity(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
