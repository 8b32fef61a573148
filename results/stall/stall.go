// Package stall finds lost wake-ups in measured points.
//
// Where a config sets priority_levels, or a limit in default_queue_policy,
// Triton's dynamic batcher no longer makes batches ahead of idle instances, and
// some wake-ups between its threads are lost (rule R13 of sweep/batcher). Requests
// then wait although an instance is idle, until the batcher's sleep of 500 ms
// ends. In a closed loop nobody else wakes it: the throughput falls to a half,
// while most latencies look as ever and a few per cent of them lie near 500 ms.
//
// So a point is said to hold lost wake-ups when its config switches prefetching
// off, its median latency is far below 500 ms, and nearly all of its slow requests
// lie near 500 ms. Slow requests of other length have another cause.
package stall

import (
	"fmt"
	"strings"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/forecast"
	"tritonsweep/results/histogram"
	"tritonsweep/sweep/batcher"
)

// Name begins every text about lost wake-ups.
const Name = "lost wake-up"

const (
	// sleep is how long Triton's batcher sleeps when nobody wakes it.
	sleep = 500 * time.Millisecond
	// early is by how much less a request waits that came during the sleep.
	early = 50 * time.Millisecond
	// mostMedian is the largest median latency beside which stalls stand out.
	mostMedian = sleep / 2
	// fewest slow requests are no accident.
	fewest = 2
	// leastShare of the slow requests lies near the sleep.
	leastShare = 0.8
)

// Finding is what a point with lost wake-ups shows.
type Finding struct {
	// Stalled of Requests took about as long as the batcher sleeps.
	Stalled, Requests int64
	Median            time.Duration
	// Causes are the fields of the config that switch prefetching off.
	Causes []string
}

// Find looks for lost wake-ups in a record that holds its config and histogram.
func Find(r *results.Record) (Finding, bool) {
	config, err := forecast.Config(r)
	if err != nil || !config.Dynamic || config.Prefetch() {
		return Finding{}, false
	}
	var h histogram.Histogram
	if h.UnmarshalBinary(r.Client.Histogram) != nil {
		return Finding{}, false
	}
	f := Finding{Requests: h.Count(), Median: h.Quantile(0.5), Causes: causes(&config)}
	if f.Requests == 0 || f.Median > mostMedian {
		return Finding{}, false
	}
	slowest := sleep + early + 4*f.Median // it is executed afterwards, perhaps not in the first batch
	f.Stalled = h.Above(sleep-early) - h.Above(slowest)
	slow := h.Above(max(mostMedian, 4*f.Median))
	return f, f.Stalled >= fewest && float64(f.Stalled) >= leastShare*float64(slow)
}

func causes(c *batcher.Config) (fields []string) {
	add := func(set bool, field string) {
		if set {
			fields = append(fields, field)
		}
	}
	add(c.PriorityLevels > 0, "priority_levels")
	add(c.Policy.MaxSize > 0, "max_queue_size")
	add(c.Policy.Timeout > 0, "default_timeout_microseconds")
	add(c.Policy.AllowOverride, "allow_timeout_override")
	return fields
}

// String tells people what happens and what to do.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %d of %d requests (%.1f %%) took about %d ms, where the median is %.1f ms: %s switches prefetching off, "+
		"and Triton's batcher then sleeps through arrivals (hint: leave that out, or give a queue delay or a second instance, and measure again)",
		Name, f.Stalled, f.Requests, 100*float64(f.Stalled)/float64(f.Requests), sleep.Milliseconds(),
		float64(f.Median)/float64(time.Millisecond), strings.Join(f.Causes, " and "))
}
