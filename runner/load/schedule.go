package load

import (
	"fmt"
	"math/rand/v2"
	"time"

	"tritonsweep/sweep"
)

// schedule gives the instants at which requests arrive, each from the beginning
// and not from the one before: what one request comes late, the next does not.
type schedule struct {
	load      sweep.Load
	random    *rand.Rand
	intervals []time.Duration // of Recorded arrivals

	n    int64   // arrivals given
	at   float64 // of the last one, in intervals of mean length since the beginning
	mean float64 // of the recorded intervals, nanoseconds
}

func newSchedule(l sweep.Load, seed uint64, intervals []time.Duration) *schedule {
	s := &schedule{load: l, random: rand.New(rand.NewPCG(seed, 0x6172726976616c)), intervals: intervals}
	for _, d := range intervals {
		s.mean += float64(d) / float64(len(intervals))
	}
	return s
}

// next returns how long after the beginning the next request arrives.
func (s *schedule) next() time.Duration {
	switch s.load.Arrivals {
	case sweep.Constant:
		s.at = float64(s.n + 1)
	case sweep.Recorded:
		s.at += float64(s.intervals[s.n%int64(len(s.intervals))]) / s.mean
	default: // a Poisson process has exponential intervals
		s.at += s.random.ExpFloat64()
	}
	s.n++
	return time.Duration(s.at / s.load.Rate * float64(time.Second))
}

// validArrivals refuses recorded arrivals without a recording and the reverse.
func validArrivals(l sweep.Load, intervals []time.Duration) error {
	if l.Arrivals != sweep.Recorded {
		if len(intervals) > 0 {
			return fmt.Errorf("recorded intervals for the load %s, which does not use them", l)
		}
		return nil
	}
	var total time.Duration
	for i, d := range intervals {
		if d < 0 {
			return fmt.Errorf("recorded interval %d is negative: %s", i+1, d)
		}
		total += d
	}
	if total <= 0 {
		return fmt.Errorf("recorded arrivals need intervals that last longer than nothing")
	}
	return nil
}
