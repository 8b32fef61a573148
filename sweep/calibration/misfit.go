package calibration

import (
	"math"
	"time"

	"tritonsweep/sweep/batcher"
)

// figures are what a measured run and a simulated one are compared by.
type figures struct {
	throughput float64 // items a second
	p95        float64 // seconds
	batch      float64 // mean size of an execution
	varies     float64 // standard deviation of these sizes
	working    float64 // mean time of an execution, seconds
	overhead   float64 // of a request outside queue and execution, seconds
	// orbits is the variance of the throughput's logarithm between simulations: a
	// closed loop falls into one rhythm or another, and a measurement saw few.
	orbits float64
}

// surest is the variance that a figure has without any rhythms.
const surest = 0.01 * 0.01

// measured returns the figures of r itself.
func (r *Run) measured() figures {
	return figures{throughput: r.Throughput, p95: r.P95.Seconds(), batch: r.meanBatch(), varies: r.variesBatch(), working: r.working(), overhead: r.overhead()}
}

// weights of the squared differences: throughput is what the others lead to.
const (
	p95Weight     = 0.5
	batchWeight   = 0.5
	workingWeight = 0.5
	// overheadScale makes 0.1 ms of overhead as much as 2 % of throughput: of all
	// figures it tells most of F and L0, and other jobs on the machine blur it least.
	overheadScale = 0.02 / 0.1e-3 // per second
)

// misfit returns the sum of squared relative differences between what was
// measured and what was simulated.
func (r *Run) misfit(sim figures) float64 {
	m := r.measured()
	sum := square(math.Log(sim.throughput/m.throughput)) + batchWeight*square(math.Log(sim.batch/m.batch))
	if r.P95 > 0 && sim.p95 > 0 {
		sum += p95Weight * square(math.Log(sim.p95/m.p95))
	}
	sum *= surest / (surest + sim.orbits)
	if r.alone() {
		return sum + square(overheadScale*(sim.overhead-m.overhead))
	}
	return sum + workingWeight*square(math.Log(sim.working/m.working))
}

func square(x float64) float64 { return x * x }

// fitEffort is how long a calibration simulates a run, fitSeeds how often: a
// closed loop can lock into several phases, of which a measurement shows the mean.
var fitEffort = Effort{Requests: 1200}

const fitSeeds = 3

// fitter simulates runs.
type fitter struct {
	sim  batcher.Simulator
	seed uint64
}

// simulate returns the mean figures of r under t.
func (f *fitter) simulate(t *Theta, r *Run) (figures, error) {
	var sum figures
	var logs [fitSeeds]float64
	for i := range fitSeeds {
		sc := t.Scenario(r.Config, Load{Callers: r.Callers, Batch: r.Batch}, fitEffort, f.seed+uint64(i))
		result, err := f.sim.Run(&sc)
		if err != nil {
			return figures{}, err
		}
		m := &result.Models[0]
		one := simulated(t, m, r)
		logs[i] = math.Log(one.throughput)
		sum.throughput += one.throughput / fitSeeds
		sum.p95 += one.p95 / fitSeeds
		sum.batch += one.batch / fitSeeds
		sum.varies += one.varies / fitSeeds
		sum.working += one.working / fitSeeds
		sum.overhead += one.overhead / fitSeeds
	}
	for _, l := range logs {
		sum.orbits += square(l-math.Log(sum.throughput)) / (fitSeeds - 1)
	}
	return sum, nil
}

// simulated returns the figures of one simulation of r.
func simulated(t *Theta, m *batcher.ModelResult, r *Run) figures {
	served, items, squares := 0.0, 0.0, 0.0
	for size, count := range m.BatchCounts {
		n := float64(size * count)
		items += n
		squares += n * float64(size)
		served += n * (t.Total.At(size) + epilogue(t.Respond, size, r.items())).Seconds()
	}
	tail := batcher.DefaultTiming().Epilogue.Mean + time.Duration(float64(t.Respond)*m.MeanBatch/float64(r.items()))
	f := figures{
		throughput: m.Throughput, p95: m.Latency.P95.Seconds(), batch: m.MeanBatch,
		working: (m.Input + m.DeviceWait + m.Compute + m.Output + tail).Seconds(),
	}
	if m.Executions > 0 {
		f.varies = math.Sqrt(max(0, squares/float64(m.Executions)-square(m.MeanBatch)))
	}
	if items > 0 && m.Throughput > 0 {
		// What the server counts as an execution's end comes after its responses.
		f.overhead = m.Latency.Mean.Seconds() - m.Queue.Seconds() - served/items
	}
	return f
}

// total returns the misfit of all runs under t.
func (f *fitter) total(t *Theta, runs []Run) (float64, error) {
	sum := 0.0
	for i := range runs {
		sim, err := f.simulate(t, &runs[i])
		if err != nil {
			return 0, err
		}
		sum += runs[i].misfit(sim)
	}
	return sum, nil
}
