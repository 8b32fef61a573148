package pipeline

import (
	"slices"
	"strings"
	"sync"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
	"tritonsweep/results/stats"
)

// mostStages bounds how many names are kept: they come from outside.
const mostStages = 64

// mostName bounds the length of one.
const mostName = 64

// binWidth and mostBins are how the course of a stage is kept: beyond so many
// bins pairs become one.
const (
	binWidth = 100 * time.Millisecond
	mostBins = 1024
)

// stages collects what the answers of one window say about the service's
// stages, in memory that does not grow.
type stages struct {
	mu    sync.Mutex
	begun time.Time // of the window; zero before
	ended bool
	width time.Duration
	all   map[string]*stage
}

type stage struct {
	whole  *histogram.Histogram
	counts []float64
	sums   []float64 // milliseconds
}

// begin opens a window, discarding one that was open.
func (s *stages) begin(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.ended, s.width, s.all = at, false, binWidth, map[string]*stage{}
}

// end closes the window.
func (s *stages) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// add records what one answer said.
func (s *stages) add(at time.Time, told []timing) {
	if len(told) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun.IsZero() || s.ended || at.Before(s.begun) {
		return
	}
	bin := s.reach(at)
	for _, t := range told {
		name := t.name
		if len(name) > mostName {
			name = strings.ToValidUTF8(name[:mostName], "")
		}
		st := s.all[name]
		if st == nil {
			if len(s.all) == mostStages {
				continue
			}
			st = &stage{whole: histogram.New()}
			s.all[name] = st
		}
		st.whole.Record(t.took)
		for len(st.counts) <= bin {
			st.counts, st.sums = append(st.counts, 0), append(st.sums, 0)
		}
		st.counts[bin]++
		st.sums[bin] += float64(t.took) / float64(time.Millisecond)
	}
}

// reach returns the bin of an instant, halving the bins while there are too many.
func (s *stages) reach(at time.Time) int {
	for int(at.Sub(s.begun)/s.width) >= mostBins {
		s.width *= 2
		for _, st := range s.all {
			st.counts, st.sums = halved(st.counts), halved(st.sums)
		}
	}
	return int(at.Sub(s.begun) / s.width)
}

func halved(values []float64) []float64 {
	out := values[:0]
	for pair := range slices.Chunk(values, 2) {
		sum := 0.0
		for _, v := range pair {
			sum += v
		}
		out = append(out, sum)
	}
	return out
}

// results returns what was collected, the longest stage first.
func (s *stages) results() []results.Stage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []results.Stage
	for name, st := range s.all {
		out = append(out, st.result(name))
	}
	slices.SortFunc(out, results.CompareStages)
	return out
}

func (st *stage) result(name string) results.Stage {
	n := st.whole.Count()
	r := results.Stage{Name: name, Requests: n, Mean: float64(st.whole.Mean()) / float64(time.Millisecond)}
	if m, ok := stats.MeanInterval(st.sums, st.counts); ok {
		r.Interval = &results.Estimate{Value: m.Value, Low: m.Low, High: m.High}
	}
	for p, field := range map[float64]**float64{0.50: &r.P50, 0.95: &r.P95, 0.99: &r.P99} {
		if n >= stats.MinimumRequests(p) {
			v := float64(st.whole.Quantile(p)) / float64(time.Millisecond)
			*field = &v
		}
	}
	return r
}
