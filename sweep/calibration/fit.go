package calibration

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tritonsweep/sweep/batcher"
)

// Calibration is what was learned.
type Calibration struct {
	// Best explains the runs best; Ensemble are others that explain them about
	// as well, drawn in proportion to how well.
	Best     Theta
	Ensemble []Theta
	// Residuals compare each run with its simulation, in the order of the runs.
	Residuals []Residual
	// Spread is the relative standard deviation of the residuals' throughput,
	// and at least leastSpread: what a prediction is wrong by at its best.
	Spread float64
	// Notes say what the runs could not tell.
	Notes []string
	// LargestBatch is the largest executed batch that was seen, MostInstances
	// the largest number of instances.
	LargestBatch, MostInstances int
	// Guessed says that there was no run without contention to learn t(b) from.
	Guessed bool
}

// Residual is one run beside its simulation.
type Residual struct {
	Run                   string
	Throughput, P95       float64 // measured: items a second, seconds (0 unknown)
	SimThroughput, SimP95 float64
	ThroughputOff, P95Off float64 // simulated / measured - 1
}

const (
	ensembleSize = 20
	leastSpread  = 0.01
)

// Poor reports that the runs are explained so badly that predictions deserve no
// trust: the model does something that the simulation does not know.
func (c *Calibration) Poor() bool { return c.Spread > 0.08 }

// Fit learns from runs of one model. All must be closed loops of one client
// batch size or several; the seed drives what is random.
func Fit(runs []Run, seed uint64) (*Calibration, error) {
	if len(runs) == 0 {
		return nil, fmt.Errorf("%w: no runs", ErrRuns)
	}
	for i := range runs {
		if err := runs[i].Validate(); err != nil {
			return nil, err
		}
	}
	c := &Calibration{}
	alone, several := c.divide(runs)
	largest := 1
	for i := range runs {
		largest = max(largest, runs[i].Config.MaxBatch)
	}
	f := &fitter{seed: seed}
	start := Theta{CV: defaultCV, Release: releaseTime(alone)}
	start.Think, start.Client = clientTimes(alone)
	unrest, err := f.fitUnrest(start, alone, largest)
	if err != nil {
		return nil, err
	}
	start.Unrest = unrest
	ways, err := f.fitWays(start, alone, largest)
	if err != nil {
		return nil, err
	}
	forms := []candidate{{theta: ways[0].theta}}
	if len(several) > 0 {
		if forms, err = f.fitContention(ways[0].theta, largest, several); err != nil {
			return nil, err
		}
	}
	times := pool(alone, ways[0].theta.Respond)
	c.Best = forms[0].theta
	if err := c.compare(f, runs); err != nil {
		return nil, err
	}
	c.draw(ways, forms, len(alone), len(several), rand.New(rand.NewPCG(seed, 1)))
	c.note(runs, times, len(several))
	return c, nil
}

// defaultCV is the variation of an execution's time that a simulation uses: the
// server tells sums only.
const defaultCV = 0.02

// divide tells runs that show an instance by itself from the others. Without
// any, those with the fewest instances stand for them.
func (c *Calibration) divide(runs []Run) (alone, several []Run) {
	fewest := math.MaxInt
	for i := range runs {
		if runs[i].alone() {
			alone = append(alone, runs[i])
		} else {
			several = append(several, runs[i])
			fewest = min(fewest, runs[i].Config.Instances)
		}
	}
	if len(alone) > 0 && slices.ContainsFunc(alone, func(r Run) bool { return r.meanBatch() > float64(r.items()) }) {
		return alone, several
	}
	if len(several) == 0 {
		return alone, several
	}
	c.Guessed = true
	var rest []Run
	for _, r := range several {
		if r.Config.Instances == fewest {
			alone = append(alone, r)
		} else {
			rest = append(rest, r)
		}
	}
	return alone, rest
}

// compare fills in the residuals.
func (c *Calibration) compare(f *fitter, runs []Run) error {
	sum := 0.0
	for i := range runs {
		r := &runs[i]
		sim, err := f.simulate(&c.Best, r)
		if err != nil {
			return err
		}
		res := Residual{
			Run: r.Name, Throughput: r.Throughput, P95: r.P95.Seconds(),
			SimThroughput: sim.throughput, SimP95: sim.p95, ThroughputOff: sim.throughput/r.Throughput - 1,
		}
		if r.P95 > 0 {
			res.P95Off = sim.p95/r.P95.Seconds() - 1
		}
		sum += square(math.Log(sim.throughput / r.Throughput))
		c.Residuals = append(c.Residuals, res)
	}
	c.Spread = max(leastSpread, math.Sqrt(sum/float64(len(runs))))
	return nil
}

// draw fills the ensemble: a value of F, a form of contention, and a scale of
// the times, independently.
func (c *Calibration) draw(ways, forms []candidate, alone, several int, random *rand.Rand) {
	for range ensembleSize {
		t := pick(forms, several, random)
		way := pick(ways, alone, random)
		t.FrontEnd, t.Latency = way.FrontEnd, way.Latency
		scale := math.Exp(c.Spread / 2 * random.NormFloat64())
		t.Total, t.Host = t.Total.Scaled(scale), t.Host.Scaled(scale)
		c.Ensemble = append(c.Ensemble, t)
	}
}

// pick draws a candidate with a probability that falls with its misfit, as for
// errors that are normally distributed with the variance of the best one's.
func pick(tried []candidate, runs int, random *rand.Rand) Theta {
	best := tried[least(tried)].misfit
	variance := max(best/float64(max(1, 3*runs)), 0.01*0.01)
	total := 0.0
	for _, c := range tried {
		total += math.Exp(-(c.misfit - best) / (2 * variance))
	}
	at := random.Float64() * total
	for _, c := range tried {
		if at -= math.Exp(-(c.misfit - best) / (2 * variance)); at <= 0 {
			return c.theta
		}
	}
	return tried[0].theta
}

// note says what the runs could not tell.
func (c *Calibration) note(runs []Run, times []sizeTime, several int) {
	c.LargestBatch = times[len(times)-1].size
	for i := range runs {
		c.MostInstances = max(c.MostInstances, runs[i].Config.Instances)
	}
	add := func(format string, args ...any) { c.Notes = append(c.Notes, fmt.Sprintf(format, args...)) }
	if len(times) == 1 {
		add("only batches of %d were executed: the time of other sizes is taken to be the same (hint: measure under more callers)", times[0].size)
	}
	if c.Guessed {
		add("no run shows an instance by itself under several callers: the times of an execution may hold waiting for another (hint: measure with 1 instance)")
	}
	if several == 0 && !c.Guessed {
		add("no run has several instances: what they do to each other is unknown (hint: measure with 2 instances and with the most)")
	}
	if c.Poor() {
		add("the simulation misses the runs it was calibrated from by %.0f %%: predictions deserve no trust", 100*c.Spread)
	}
}

// Design returns the settings and loads of five runs from which a model can be
// calibrated: the queue delay is 0 and no size is preferred in all of them. Of
// one instance they show t(b), of the most instances how a device is shared by
// full batches and by smaller ones.
func Design(c batcher.Config, most int) []DesignPoint {
	m := max(1, c.MaxBatch)
	points := []DesignPoint{{1, 1}, {1, m}, {1, 4 * m}}
	if most >= 2 {
		points = append(points, DesignPoint{most, m}, DesignPoint{most, 4 * m})
	}
	return points
}

// DesignPoint is one run of a Design.
type DesignPoint struct{ Instances, Callers int }
