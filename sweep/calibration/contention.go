package calibration

import (
	"time"

	"tritonsweep/sweep/batcher"
)

// price is by how much a parameter more must lower the misfit to be believed,
// as a share of it; noise is the misfit of a run that fits as well as runs of
// one config fit each other (2 % in each figure).
const (
	price = 0.15
	noise = 3 * 0.02 * 0.02
)

// contention searches for what several instances do to each other.
type contention struct {
	fitter *fitter
	runs   []Run // with several instances
	tried  []candidate
}

// fitContention returns every candidate that was tried, the best one first.
func (f *fitter) fitContention(t Theta, largest int, several []Run) ([]candidate, error) {
	c := &contention{fitter: f, runs: several}
	if _, err := c.try(t, 0); err != nil {
		return nil, err
	}
	if err := c.slices(t); err != nil {
		return nil, err
	}
	if err := c.hosts(t, largest); err != nil {
		return nil, err
	}
	return bestFirst(c.tried), nil
}

// try adds a candidate, and returns its misfit with the price of its parameters.
func (c *contention) try(t Theta, parameters float64) (float64, error) {
	misfit, err := c.fitter.total(&t, c.runs)
	if err != nil {
		return 0, err
	}
	misfit = (misfit + noise*float64(len(c.runs))) * (1 + price*parameters)
	c.tried = append(c.tried, candidate{t, misfit})
	return misfit, nil
}

// slices tries processor sharing.
func (c *contention) slices(t Theta) error {
	t.Form = Sliced
	best, bestSlope := 0.0, 0.0
	for round, slopes := range [][]float64{
		{0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1, 1.2},
		{0.8, 0.9, 1.1, 1.2}, // times the best of these
	} {
		center := 1.0
		if round > 0 {
			center = bestSlope
		}
		for _, slope := range slopes {
			t.Slope = slope * center
			misfit, err := c.try(t, 1)
			if err != nil {
				return err
			}
			if bestSlope == 0 || misfit < best {
				best, bestSlope = misfit, t.Slope
			}
		}
	}
	return nil
}

// hosts tries exclusive devices: the host part is a share of the time of one
// item and a share of that of the largest batch, and lies on the line between.
// A coarse grid comes first, then a pattern search (Hooke and Jeeves, "Direct
// search solution of numerical and statistical problems", 1961).
func (c *contention) hosts(t Theta, largest int) error {
	for _, t.Behind = range []float64{0, 0.5} {
		if err := c.hostsOf(t, largest); err != nil {
			return err
		}
	}
	return nil
}

// hostsOf is hosts for one value of Behind.
func (c *contention) hostsOf(t Theta, largest int) error {
	t.Form = Exclusive
	best, at := -1.0, [2]float64{}
	try := func(small, large float64) error {
		if small < 0 || small > 1 || large < 0 || large > 1 {
			return nil
		}
		t.Host = hostTable(t.Total, small, large, largest)
		misfit, err := c.try(t, 2)
		if err == nil && (best < 0 || misfit < best) {
			best, at = misfit, [2]float64{small, large}
		}
		return err
	}
	for i := range 25 {
		if err := try(float64(i%5)/4, float64(i/5)/4); err != nil {
			return err
		}
	}
	for step := 0.125; step > 0.01; {
		center := at
		for i := range 9 {
			if i == 4 {
				continue // the center
			}
			if err := try(center[0]+step*float64(i%3-1), center[1]+step*float64(i/3-1)); err != nil {
				return err
			}
		}
		if at == center {
			step /= 2
		}
	}
	return nil
}

// hostTable returns the part of t(b) that is beside the device.
func hostTable(total batcher.Table, small, large float64, largest int) batcher.Table {
	one, most := float64(total.At(1)), float64(total.At(largest))
	points := map[int]time.Duration{}
	for size := 1; size <= max(1, largest); size++ {
		along := 0.0
		if largest > 1 {
			along = float64(size-1) / float64(largest-1)
		}
		host := time.Duration(small*one*(1-along) + large*most*along)
		points[size] = min(host, total.At(size))
	}
	table, _ := batcher.NewTable(points) // shares of times that are in range
	return table
}
