package sweep

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLoadNames(t *testing.T) {
	for want, l := range map[string]Load{
		"c=8 b=1":                 {Concurrency: 8, BatchSize: 1},
		"r=200/s b=2":             {Rate: 200, Arrivals: Poisson, BatchSize: 2},
		"r=0.5/s b=1":             {Rate: 0.5, BatchSize: 1},
		"r=33.333/s constant b=1": {Rate: 100.0 / 3, Arrivals: Constant, BatchSize: 1},
		"r=12/s monday.txt b=1":   {Rate: 12, Arrivals: Recorded, Trace: "monday.txt", BatchSize: 1},
	} {
		if got := l.String(); got != want || l.Validate() != nil {
			t.Errorf("%q, want %q (%v)", got, want, l.Validate())
		}
	}
}

func TestImpossibleLoads(t *testing.T) {
	for says, l := range map[string]Load{
		"client batch 0":              {Concurrency: 1},
		"concurrency 0":               {BatchSize: 1},
		"concurrency -1":              {Concurrency: -1, BatchSize: 1},
		"arrival rate -1":             {Rate: -1, BatchSize: 1},
		"arrival rate 0":              {Arrivals: Poisson, BatchSize: 1},
		"arrival rate NaN":            {Rate: math.NaN(), BatchSize: 1},
		"arrival rate +Inf":           {Rate: math.Inf(1), BatchSize: 1},
		"arrival rate 1e+07":          {Rate: 1e7, BatchSize: 1},
		"either a closed loop":        {Rate: 1, Concurrency: 1, BatchSize: 1},
		"unknown arrivals \"bursty\"": {Rate: 1, Arrivals: "bursty", BatchSize: 1},
		"without the name":            {Rate: 1, Arrivals: Recorded, BatchSize: 1},
		"poisson arrivals are not":    {Rate: 1, Arrivals: Poisson, Trace: "x", BatchSize: 1},
		"closed loop has no recorded": {Concurrency: 1, Trace: "x", BatchSize: 1},
	} {
		if err := l.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", l, err, says)
		}
	}
}

func TestLoadOrder(t *testing.T) {
	want := []Load{
		{Concurrency: 1, BatchSize: 1}, {Concurrency: 8, BatchSize: 1},
		{Rate: 10, Arrivals: Poisson, BatchSize: 1}, {Rate: 200, Arrivals: Poisson, BatchSize: 1},
		{Concurrency: 1, BatchSize: 2},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, Load.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestParseRates(t *testing.T) {
	for text, want := range map[string][]float64{
		"50":              {50},
		"0.5, 2":          {0.5, 2},
		"100..500/100,50": {50, 100, 200, 300, 400, 500},
		"0.1..0.3/0.1":    {0.1, 0.2, 0.3},
		"7,7":             {7},
		"1..3":            {1, 2, 3},
	} {
		if got, err := ParseRates(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"0": "above 0", "-3": "above 0", "x": "not a rate", "": "not a rate", "NaN": "not a rate", "1e9": "at most",
		"5..1": "runs backwards", "1..5/0": "above 0", "1..1000000/0.1": "more than 1000", "1..": "not a rate",
	} {
		if _, err := ParseRates(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

// TestRatesHoldTheirEnds: a range whose step meets its end holds it.
func TestRatesHoldTheirEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.Float64Range(0.01, 100).Draw(t, "step")
		n := rapid.IntRange(1, 200).Draw(t, "n")
		from := rapid.Float64Range(0.01, 1000).Draw(t, "from")
		text := RateText(from) + ".." + RateText(math.Round(from*1000)/1000+float64(n)*math.Round(step*1000)/1000) + "/" + RateText(step)
		got, err := ParseRates(text)
		if err != nil || len(got) != n+1 {
			t.Fatalf("%q: %d rates, want %d (%v)", text, len(got), n+1, err)
		}
	})
}
