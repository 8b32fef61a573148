package calibration

import "math"

// unrests are the values of Unrest that are tried, from a machine with cores to
// spare to two busy cores.
var unrests = []float64{0, 0.15, 0.3, 0.5, 0.75, 1}

// fitUnrest returns the value of Unrest under which the runs keep their rhythm best.
func (f *fitter) fitUnrest(t Theta, alone []Run, largest int) (unrest float64, err error) {
	t.Respond = responds[len(responds)/2]
	t.Total = serviceTable(pool(alone, t.Respond), largest)
	best := math.Inf(1)
	for _, t.Unrest = range unrests {
		tried, err := f.fitWay(t, alone)
		if err != nil {
			return 0, err
		}
		off, err := f.rhythm(&tried[0].theta, alone)
		if err != nil {
			return 0, err
		}
		if off < best {
			best, unrest = off, t.Unrest
		}
	}
	return unrest, nil
}

// rhythm returns by how much the executed batch sizes of the runs differ under t, in
// their mean and in how they vary: the sum of squared relative differences. A closed
// loop without a delay divides its callers into two groups in turn, and how far these
// are apart tells how often one of them catches the other's batch.
func (f *fitter) rhythm(t *Theta, runs []Run) (sum float64, err error) {
	for i := range runs {
		sim, err := f.simulate(t, &runs[i])
		if err != nil {
			return 0, err
		}
		m := runs[i].measured()
		sum += square(math.Log(sim.batch/m.batch)) + square(math.Log((sim.varies+leastVaries)/(m.varies+leastVaries)))
	}
	return sum, nil
}

// leastVaries is a standard deviation of batch sizes that says nothing.
const leastVaries = 0.5
