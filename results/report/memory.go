package report

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// instanceMemory says what one more instance costs: for each round and load the
// slope of memory over the instance count, by least squares, and over all of
// these the mean with its interval by Student's t. Slopes of one round and load
// compare like with like: more callers need more memory at every count.
func instanceMemory(records []results.Record) *InstanceMemory {
	counts := map[int]bool{}
	container, gpu := slopes{}, slopes{}
	for _, rec := range records {
		count := rec.Active.InstanceCount
		if count == nil || !rec.Verdict.Usable() {
			continue
		}
		counts[*count] = true
		at := occasion{rec.Round, rec.Load}
		if m := rec.Resources.ContainerMemory; m != nil {
			container.add(at, *count, *m)
		}
		if len(rec.Resources.GPUs) > 0 {
			if m := sumGPUs(rec.Resources.GPUs).MemoryUsed; m != nil {
				gpu.add(at, *count, *m)
			}
		}
	}
	if len(counts) < 2 {
		return nil
	}
	return &InstanceMemory{
		Counts: slices.Sorted(maps.Keys(counts)), Container: container.estimate(), GPU: gpu.estimate(),
		ByCount: byCount(slices.Sorted(maps.Keys(counts)), container, gpu),
	}
}

type occasion struct {
	round int
	load  sweep.Load
}

// slopes holds what was measured on each occasion: memory by instance count.
type slopes map[occasion]map[int]float64

func (s slopes) add(at occasion, count int, bytes int64) {
	if s[at] == nil {
		s[at] = map[int]float64{}
	}
	// The control may run with a count that was swept too; the larger one is
	// the peak that both reached.
	s[at][count] = max(s[at][count], float64(bytes))
}

// byCount returns the peaks over all rounds and loads.
func byCount(counts []int, container, gpu slopes) []CountMemory {
	var out []CountMemory
	for _, n := range counts {
		out = append(out, CountMemory{Count: n, Container: container.peak(n), GPU: gpu.peak(n)})
	}
	return out
}

func (s slopes) peak(count int) *int64 {
	most := 0.0
	for _, byCount := range s {
		most = max(most, byCount[count])
	}
	if most == 0 {
		return nil
	}
	n := int64(most)
	return &n
}

func (s slopes) estimate() *results.Estimate {
	var values []float64
	for _, byCount := range s {
		if len(byCount) < 2 {
			continue
		}
		var x, y []float64
		for _, count := range slices.Sorted(maps.Keys(byCount)) {
			x, y = append(x, float64(count)), append(y, byCount[count])
		}
		_, slope := stat.LinearRegression(x, y, nil, false)
		values = append(values, slope)
	}
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values) // the order of a map must not change the last digit
	mean, sd := stat.MeanStdDev(values, nil)
	e := &results.Estimate{Value: mean, Low: mean, High: mean}
	if n := float64(len(values)); n > 1 {
		half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd / math.Sqrt(n)
		e.Low, e.High = mean-half, mean+half
	}
	return e
}
