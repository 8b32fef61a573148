package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestDunnettTable compares with the published table of two-sided 5 % points
// (Dunnett, "New tables for multiple comparisons with a control", Biometrics,
// 1964), which is for equal sample sizes: rho = 1/2.
func TestDunnettTable(t *testing.T) {
	for _, row := range []struct {
		df   float64
		want []float64 // for 1, 2, 3, 4, 5 settings
	}{
		{5, []float64{2.57, 3.03, 3.29, 3.48, 3.62}},
		{10, []float64{2.23, 2.57, 2.76, 2.89, 2.99}},
		{20, []float64{2.09, 2.38, 2.54, 2.65, 2.73}},
		{1e9, []float64{1.96, 2.21, 2.35, 2.44, 2.51}},
	} {
		for i, want := range row.want {
			if got := DunnettCritical(i+1, row.df, 0.5, 0.05); math.Abs(got-want) > 0.015 {
				t.Errorf("df %g, %d settings: %.3f, the table says %.2f", row.df, i+1, got, want)
			}
		}
	}
}

func TestDunnettIsBetweenStudentAndBonferroni(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.IntRange(2, 40).Draw(t, "m")
		df := float64(rapid.IntRange(3, 60).Draw(t, "df"))
		rho := rapid.SampledFrom([]float64{0.1, 0.4, 0.5}).Draw(t, "rho")
		d := DunnettCritical(m, df, rho, 0.05)
		student := DunnettCritical(1, df, rho, 0.05)
		bonferroni := DunnettCritical(1, df, rho, 0.05/float64(m))
		if d < student || d > bonferroni+1e-3 {
			t.Fatalf("%.4f is not between %.4f and %.4f", d, student, bonferroni)
		}
		if more := DunnettCritical(m+1, df, rho, 0.05); more < d-1e-3 {
			t.Fatalf("one setting more lowers it from %.4f to %.4f", d, more)
		}
	})
}

// machine measures settings in rounds, the control first in each, on a machine
// that drifts.
type machine struct {
	random *rand.Rand
	noise  float64                  // between starts
	drift  func(at float64) float64 // of the logarithm
	clock  float64
}

func (m *machine) start(level float64) Start {
	m.clock++
	log := level + m.noise*m.random.NormFloat64()
	if m.drift != nil {
		log += m.drift(m.clock)
	}
	v := math.Exp(log)
	return Start{Interval{v, v * 0.999, v * 1.001}, m.clock}
}

// sweep measures the control once more than there are rounds, as a plan does,
// and settings in each round in random order.
func (m *machine) sweep(levels []float64, rounds int) (control []Start, settings [][]Start) {
	control = []Start{m.start(0)}
	settings = make([][]Start, len(levels))
	for range rounds {
		control = append(control, m.start(0))
		for _, i := range m.random.Perm(len(levels)) {
			settings[i] = append(settings[i], m.start(levels[i]))
		}
	}
	return append(control, m.start(0)), settings
}

func blockOf(settings [][]Start) Block {
	block := make(Block, len(settings))
	for i, starts := range settings {
		block[i] = map[int]Interval{}
		for round, s := range starts {
			block[i][round] = s.Interval
		}
	}
	return block
}

// TestEqualSettingsHardlyEverWin simulates A/A sweeps: all settings are the
// control. One of them may differ significantly in one sweep of twenty.
func TestEqualSettingsHardlyEverWin(t *testing.T) {
	const sweeps = 500
	drifts := map[string]func(float64) float64{
		"steady":    nil,
		"drifting":  func(at float64) float64 { return 0.004 * at }, // 0.4 % a start
		"breathing": func(at float64) float64 { return 0.03 * math.Sin(at/9) },
	}
	for name, drift := range drifts {
		for _, settings := range []int{3, 11} {
			for _, rounds := range []int{3, 5} {
				m := &machine{random: rand.New(rand.NewPCG(uint64(settings), uint64(rounds))), noise: 0.012, drift: drift}
				winners := 0
				for range sweeps {
					m.clock = 0
					control, all := m.sweep(make([]float64, settings), rounds)
					noise := BlockNoise([]Block{blockOf(append(all, control[:rounds]))}, DefaultNoise)
					for _, s := range all {
						r := DriftRatio(control, s, noise)
						if math.Abs(math.Log(r.Value))/r.SE() > DunnettCritical(settings, r.DF, 0.4, 0.05) {
							winners++
							break
						}
					}
				}
				share := float64(winners) / sweeps
				t.Logf("%-9s %2d settings, %d rounds: %.1f %% of A/A sweeps have a winner or a loser", name, settings, rounds, 100*share)
				if share > 0.05+3*math.Sqrt(0.05*0.95/sweeps) { // what chance allows at 5 %
					t.Errorf("%s: %d settings in %d rounds: %.1f %%", name, settings, rounds, 100*share)
				}
			}
		}
	}
}

// TestDriftIsCorrected: a setting that is 5 % better is seen as such on a machine
// that gets 10 % slower meanwhile, and the intervals hold what they promise.
func TestDriftIsCorrected(t *testing.T) {
	const sweeps = 1000
	m := &machine{random: rand.New(rand.NewPCG(5, 5)), noise: 0.008, drift: func(at float64) float64 { return -0.006 * at }}
	covered := 0
	var sum float64
	for range sweeps {
		m.clock = 0
		control, all := m.sweep([]float64{0, 0, math.Log(1.05)}, 4)
		noise := BlockNoise([]Block{blockOf(append(all, control[:4]))}, DefaultNoise)
		r := DriftRatio(control, all[2], noise)
		sum += math.Log(r.Value)
		if r.Contains(1.05) {
			covered++
		}
	}
	if mean := math.Exp(sum / sweeps); math.Abs(mean-1.05) > 0.002 {
		t.Errorf("on average the gain is %.4f, it is 1.05", mean)
	}
	if share := float64(covered) / sweeps; share < 0.93 {
		t.Errorf("%.1f %% of the intervals hold the truth", 100*share)
	}
}

func TestDriftRatioOfExactFigures(t *testing.T) {
	// The control falls in a straight line on logarithms; a setting that is twice
	// as fast is so wherever it was measured between two controls.
	rapid.Check(t, func(t *rapid.T) {
		slope := rapid.Float64Range(-0.1, 0.1).Draw(t, "slope")
		at := func(time, factor float64) Start {
			v := factor * math.Exp(slope*time)
			return Start{Interval{v, v, v}, time}
		}
		control := []Start{at(10, 1), at(0, 1), at(5, 1)} // in any order
		var other []Start
		for range rapid.IntRange(1, 5).Draw(t, "starts") {
			other = append(other, at(rapid.Float64Range(0, 10).Draw(t, "at"), 2))
		}
		if r := DriftRatio(control, other, DefaultNoise); math.Abs(r.Value-2) > 1e-9 || !r.Paired {
			t.Fatalf("%+v", r)
		}
	})
	if r := DriftRatio(nil, []Start{{Interval{1, 1, 1}, 0}}, DefaultNoise); r.Value != 0 {
		t.Errorf("without a control: %+v", r)
	}
}

// TestRestlessSettingIsNotCalmedByOthers: one setting has two orbits.
func TestRestlessSettingIsNotCalmedByOthers(t *testing.T) {
	noise := Noise{SD: 0.005, DF: 20}
	control := []Start{{Interval{100, 99.9, 100.1}, 0}, {Interval{100, 99.9, 100.1}, 10}}
	calm := []Start{{Interval{105, 104.9, 105.1}, 2}, {Interval{105.2, 105.1, 105.3}, 4}, {Interval{104.9, 104.8, 105}, 6}}
	wild := []Start{{Interval{100, 99.9, 100.1}, 2}, {Interval{100, 99.9, 100.1}, 4}, {Interval{116, 115.9, 116.1}, 6}}
	a, b := DriftRatio(control, calm, noise), DriftRatio(control, wild, noise)
	if a.Contains(1) || !b.Contains(1) {
		t.Errorf("calm %+v, wild %+v", a, b)
	}
}

func TestBlockNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	figure := func(level float64, shift []float64, sd float64) map[int]Interval {
		f := map[int]Interval{}
		for round, s := range shift {
			v := math.Exp(level + s + sd*random.NormFloat64())
			f[round] = Interval{v, v * 0.9999, v * 1.0001}
		}
		return f
	}
	shift := []float64{0, 0.1, -0.05, 0.2, 0.1} // rounds differ by 20 %
	var block Block
	for i := range 40 {
		block = append(block, figure(float64(i), shift, 0.01))
	}
	delete(block[3], 2) // a lost round
	got := BlockNoise([]Block{block}, DefaultNoise)
	if math.Abs(got.SD-0.01) > 0.0015 || got.DF != 2+39*4-1 {
		t.Errorf("noise %+v, starts differ by 1 %%", got)
	}
	if two := BlockNoise([]Block{block[:2]}, DefaultNoise); two.SD < 0.05 {
		t.Errorf("two settings cannot tell rounds from noise: %+v", two)
	}
	if none := BlockNoise([]Block{{{1: {1, 0.9, 1.1}}}}, DefaultNoise); none != DefaultNoise {
		t.Errorf("nothing repeated: %+v", none)
	}
}

func TestSelfDifference(t *testing.T) {
	start := func(at, v float64) Start { return Start{Interval{v, v, v}, at} }
	if d, n := SelfDifference([]Start{start(2, 110), start(1, 100)}); math.Abs(d-math.Log(1.1)) > 1e-12 || n != 1 {
		t.Errorf("two starts: %v, %d", d, n)
	}
	if d, n := SelfDifference([]Start{start(1, 100)}); d != 0 || n != 0 {
		t.Errorf("one start: %v, %d", d, n)
	}
	// Two measurements that are known to 10 % each say nothing by differing by 5 %.
	vague := []Start{{Interval{100, 90, 110}, 1}, {Interval{105, 95, 115}, 2}}
	if d, n := SelfDifference(vague); d != 0 || n != 1 {
		t.Errorf("two vague starts: %v, %d", d, n)
	}
	// A drift of 1 % a start over twenty starts is no difference of 20 %.
	var drift []Start
	for i := range 20 {
		drift = append(drift, start(float64(i), math.Exp(0.01*float64(i))))
	}
	if d, _ := SelfDifference(drift); math.Abs(d-0.01) > 1e-12 {
		t.Errorf("drifting: %v", d)
	}
}

func TestGoodProbability(t *testing.T) {
	ratio := func(v, se, df float64) Ratio {
		half := student(df) * se
		return Ratio{Interval{v, v * math.Exp(-half), v * math.Exp(half)}, true, df, 3}
	}
	for name, test := range map[string]struct {
		ratios    []Ratio
		chosen    int
		low, high float64
	}{
		"far ahead":         {[]Ratio{ratio(1.3, 0.01, 10), ratio(1.1, 0.01, 10)}, 0, 0.999, 1},
		"equal and precise": {[]Ratio{ratio(1.3, 0.002, 30), ratio(1.3, 0.002, 30)}, 0, 0.999, 1},
		"a coin":            {[]Ratio{ratio(1.3, 0.2, 30), ratio(1.3, 0.2, 30)}, 0, 0.5, 0.62},
		"worse":             {[]Ratio{ratio(1.3, 0.005, 20), ratio(1.2, 0.005, 20)}, 1, 0, 0.01},
		"below the control": {[]Ratio{ratio(0.9, 0.005, 20)}, 0, 0, 0.01},
		"the other unknown": {[]Ratio{ratio(1.1, 0.005, 20), {}}, 0, 0.999, 1},
		"on the very edge":  {[]Ratio{ratio(1, 0.01, 1e9), ratio(1.02, 0.01, 1e9)}, 0, 0.44, 0.53},
	} {
		got := GoodProbability(test.ratios, test.chosen, 0.02, 7)
		if got < test.low || got > test.high {
			t.Errorf("%s: %.3f, want %.2f to %.2f", name, got, test.low, test.high)
		}
		if again := GoodProbability(test.ratios, test.chosen, 0.02, 7); again != got {
			t.Errorf("%s: equal data and seed give %.3f and %.3f", name, got, again)
		}
	}
}
