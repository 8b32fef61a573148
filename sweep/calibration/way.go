package calibration

import (
	"time"
)

// candidate is a Theta that was simulated, with its misfit.
type candidate struct {
	theta  Theta
	misfit float64
}

// frontEnds are the values of F that are tried first.
var frontEnds = []time.Duration{
	5 * us, 10 * us, 20 * us, 35 * us, 50 * us, 70 * us, 95 * us, 125 * us, 160 * us, 200 * us, 260 * us, 350 * us, 500 * us, 800 * us,
}

const us = time.Microsecond

// responds are the values of E that are tried.
var responds = []time.Duration{0, 25 * us, 55 * us}

// fitWays is fitWay for every value of E, of which the measured times of
// executions hold different parts.
func (f *fitter) fitWays(t Theta, alone []Run, largest int) ([]candidate, error) {
	var all []candidate
	for _, t.Respond = range responds {
		t.Total = serviceTable(pool(alone, t.Respond), largest)
		tried, err := f.fitWay(t, alone)
		if err != nil {
			return nil, err
		}
		all = append(all, tried...)
	}
	return bestFirst(all), nil
}

// fitWay finds F and L0 from runs in which executions do not hinder each
// other. It returns every value of F that was tried, each with its best L0, the
// best one first.
func (f *fitter) fitWay(t Theta, alone []Run) ([]candidate, error) {
	var tried []candidate
	try := func(frontEnd time.Duration) error {
		t.FrontEnd = frontEnd
		c, err := f.fitLatency(t, alone)
		tried = append(tried, c)
		return err
	}
	for _, frontEnd := range frontEnds {
		if err := try(frontEnd); err != nil {
			return nil, err
		}
	}
	for range 2 { // between the neighbours of the best
		best := least(tried)
		below, above := neighbours(tried, best)
		for _, frontEnd := range []time.Duration{(below + tried[best].theta.FrontEnd) / 2, (above + tried[best].theta.FrontEnd) / 2} {
			if err := try(frontEnd); err != nil {
				return nil, err
			}
		}
	}
	return bestFirst(tried), nil
}

// fitLatency returns t with the L0 that makes the runs' overhead come out, and
// the misfit.
func (f *fitter) fitLatency(t Theta, runs []Run) (candidate, error) {
	t.Latency = 300 * us
	var misfit float64
	for range 3 {
		misfit = 0
		off := 0.0
		for i := range runs {
			r := &runs[i]
			sim, err := f.simulate(&t, r)
			if err != nil {
				return candidate{}, err
			}
			off += r.overhead() - sim.overhead
			misfit += r.misfit(sim)
		}
		if change := off / float64(len(runs)); change < 0 {
			t.Latency = max(0, t.Latency-seconds(-change))
		} else {
			t.Latency += seconds(change)
		}
	}
	return candidate{t, misfit}, nil
}

// bestFirst swaps the best one to the front.
func bestFirst(tried []candidate) []candidate {
	best := least(tried)
	tried[0], tried[best] = tried[best], tried[0]
	return tried
}

func least(tried []candidate) int {
	best := 0
	for i := range tried {
		if tried[i].misfit < tried[best].misfit {
			best = i
		}
	}
	return best
}

// neighbours returns the nearest tried values of F below and above that of best.
func neighbours(tried []candidate, best int) (below, above time.Duration) {
	at := tried[best].theta.FrontEnd
	below, above = 0, 2*at
	for i := range tried {
		switch v := tried[i].theta.FrontEnd; {
		case v < at:
			below = max(below, v)
		case v > at:
			above = min(above, v)
		}
	}
	return below, above
}
