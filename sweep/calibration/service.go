package calibration

import (
	"math"
	"slices"
	"time"

	"tritonsweep/sweep/batcher"
)

const (
	// pseudo is how many executions the line counts for, beside each size's own.
	pseudo = 8
	// mostCount bounds the weight of a size: beyond, the machine's own drift
	// matters more than the number of executions.
	mostCount = 200
)

// sizeTime is the time of one batch size, pooled over runs.
type sizeTime struct {
	size    int
	count   float64
	seconds float64
}

// pool gathers the times by batch size of the runs, less what passes between
// an execution's responses and its end: the server counts that as output time.
func pool(runs []Run, respond time.Duration) []sizeTime {
	by := map[int]*sizeTime{}
	for i := range runs {
		r := &runs[i]
		for _, b := range r.Batches {
			if b.Executions == 0 {
				continue
			}
			s := by[b.Size]
			if s == nil {
				s = &sizeTime{size: b.Size}
				by[b.Size] = s
			}
			n := float64(b.Executions)
			seconds := max(b.Time-epilogue(respond, b.Size, r.items()), 10*time.Microsecond).Seconds()
			s.seconds = (s.seconds*s.count + seconds*n) / (s.count + n)
			s.count += n
		}
	}
	var all []sizeTime
	for _, s := range by {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b sizeTime) int { return a.size - b.size })
	return all
}

// epilogue is the part of an execution's time that comes after its responses.
func epilogue(respond time.Duration, size, items int) time.Duration {
	return batcher.DefaultTiming().Epilogue.Mean + respond*time.Duration(max(1, size/items))
}

// releaseTime returns G from the runs in which the instance never waited for
// requests; 0 where there are none.
func releaseTime(runs []Run) time.Duration {
	timing := batcher.DefaultTiming()
	sum, executions := 0.0, 0.0
	for i := range runs {
		if r := &runs[i]; r.saturated() {
			n := float64(r.executions())
			sum += n * (r.pause() - timing.Ask.Mean.Seconds()) / r.requests()
			executions += n
		}
	}
	if executions == 0 {
		return 0
	}
	return min(seconds(sum/executions), mostRelease)
}

// mostRelease bounds G: a longer pause has another reason.
const mostRelease = 200 * us

// line is a + c b, in seconds.
type line struct{ base, each float64 }

func (l line) at(size int) float64 { return l.base + l.each*float64(size) }

// fitLine is least squares with weights for errors in proportion to the time;
// neither part is negative. One size alone says nothing about the slope: then
// it is 0.
func fitLine(times []sizeTime) line {
	var w, x, y, xx, xy float64
	for _, t := range times {
		weight := min(t.count, mostCount) / (t.seconds * t.seconds)
		b := float64(t.size)
		w += weight
		x += weight * b
		y += weight * t.seconds
		xx += weight * b * b
		xy += weight * b * t.seconds
	}
	spread := w*xx - x*x
	if len(times) < 2 || spread <= 1e-12*w*xx {
		return line{base: y / w}
	}
	l := line{each: (w*xy - x*y) / spread}
	l.base = (y - l.each*x) / w
	switch {
	case l.each < 0:
		return line{base: y / w}
	case l.base < 0:
		return line{each: xy / xx}
	}
	return l
}

// serviceTable returns t(b) for batches up to largest.
func serviceTable(times []sizeTime, largest int) batcher.Table {
	l := fitLine(times)
	shrunk := slices.Clone(times)
	for i, t := range times {
		shrunk[i].seconds = (t.seconds*t.count + pseudo*l.at(t.size)) / (t.count + pseudo)
	}
	points := map[int]time.Duration{}
	for _, t := range isotonic(shrunk) {
		points[t.size] = seconds(t.seconds)
	}
	// The last two sizes alone would give a poor slope for what lies beyond.
	if last := times[len(times)-1].size; last < largest {
		points[largest] = points[last] + seconds(l.each*float64(largest-last))
	}
	table, err := batcher.NewTable(points)
	if err != nil { // a mean of days
		table = batcher.Constant(time.Hour)
	}
	return table
}

// isotonic makes times rise with the size by pooling adjacent violators.
func isotonic(times []sizeTime) []sizeTime {
	type block struct {
		count, seconds float64
		members        int
	}
	var blocks []block
	for _, t := range times {
		blocks = append(blocks, block{t.count + pseudo, t.seconds, 1})
		for n := len(blocks); n > 1 && blocks[n-2].seconds > blocks[n-1].seconds; n-- {
			a, b := blocks[n-2], blocks[n-1]
			total := a.count + b.count
			blocks = append(blocks[:n-2], block{total, (a.seconds*a.count + b.seconds*b.count) / total, a.members + b.members})
		}
	}
	out := slices.Clone(times)
	i := 0
	for _, b := range blocks {
		for range b.members {
			out[i].seconds = b.seconds
			i++
		}
	}
	return out
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(max(0, s) * 1e9)) }
