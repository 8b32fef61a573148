package load

import "time"

// mostBins bounds a series: beyond it, pairs of bins become one.
const mostBins = 2048

// series counts completions and adds up their latencies in equal bins of time.
type series struct {
	origin time.Time
	width  time.Duration
	counts []float64
	sums   []float64 // milliseconds
}

func newSeries(origin time.Time, width time.Duration) series {
	return series{origin: origin, width: width}
}

// add counts one completion. One before the origin belongs to the first bin: the
// clock was read before the lock was taken.
func (s *series) add(at time.Time, latency time.Duration) {
	i := s.reach(at)
	s.counts[i]++
	s.sums[i] += milliseconds(latency)
}

// reach makes the bins go to an instant and returns its bin.
func (s *series) reach(at time.Time) int {
	i := max(int(at.Sub(s.origin)/s.width), 0)
	for i >= mostBins {
		s.halve()
		i /= 2
	}
	for len(s.counts) <= i {
		s.counts = append(s.counts, 0)
		s.sums = append(s.sums, 0)
	}
	return i
}

func (s *series) halve() {
	s.width *= 2
	s.counts, s.sums = halved(s.counts), halved(s.sums)
}

func halved(values []float64) []float64 {
	out := values[:0]
	for i := 0; i < len(values); i += 2 {
		v := values[i]
		if i+1 < len(values) {
			v += values[i+1]
		}
		out = append(out, v)
	}
	return out
}

// complete returns a copy of the bins that had ended at an instant, empty ones
// at the end included.
func (s *series) complete(at time.Time) series {
	n := max(int(at.Sub(s.origin)/s.width), 0)
	if n > 0 {
		s.reach(s.origin.Add(time.Duration(n)*s.width - 1))
		n = min(max(int(at.Sub(s.origin)/s.width), 0), len(s.counts)) // reach may have halved
	}
	return series{
		origin: s.origin, width: s.width,
		counts: append([]float64(nil), s.counts[:n]...),
		sums:   append([]float64(nil), s.sums[:n]...),
	}
}

// latencies returns the mean latency of each bin in milliseconds, an empty bin
// repeating the one before; ok is false when more than a fifth are empty.
func (s series) latencies() (means []float64, ok bool) {
	means = make([]float64, 0, len(s.counts))
	empty, last := 0, 0.0
	for i, n := range s.counts {
		if n > 0 {
			last = s.sums[i] / n
		} else {
			empty++
		}
		means = append(means, last)
	}
	return means, 5*empty <= len(s.counts)
}

// mean returns the mean latency over all bins, 0 without an answer.
func (s series) mean() time.Duration {
	var n, sum float64
	for i := range s.counts {
		n, sum = n+s.counts[i], sum+s.sums[i]
	}
	if n == 0 {
		return 0
	}
	return time.Duration(sum / n * float64(time.Millisecond))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
