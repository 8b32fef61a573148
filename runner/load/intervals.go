package load

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// mostIntervals bounds a recording: eight bytes each, kept for the whole run.
const mostIntervals = 4 << 20

// ReadIntervals reads the recorded intervals between requests, one a line, as
// perf_analyzer's request-intervals file has them: a number of microseconds, or
// with a unit (1.5ms). Empty lines and those that begin with # are skipped.
func ReadIntervals(path string) ([]time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var intervals []time.Duration
	var total time.Duration
	lines := bufio.NewScanner(f)
	for line := 1; lines.Scan(); line++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		d, err := parseInterval(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		if len(intervals) == mostIntervals {
			return nil, fmt.Errorf("%s:%d: more than %d intervals", path, line, mostIntervals)
		}
		intervals = append(intervals, d)
		total += d
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if total <= 0 {
		return nil, fmt.Errorf("%s: no interval above 0 (hint: one a line, in microseconds)", path)
	}
	return intervals, nil
}

// longestInterval keeps sums of many intervals far from overflow.
const longestInterval = time.Hour

func parseInterval(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		us, parsed := strconv.ParseFloat(text, 64)
		if parsed != nil || math.IsNaN(us) || math.Abs(us) > float64(longestInterval/time.Microsecond) {
			return 0, fmt.Errorf("%.40q is not an interval (hint: microseconds as 1500, or 1.5ms, at most an hour)", text)
		}
		d = time.Duration(us * float64(time.Microsecond))
	}
	if d < 0 || d > longestInterval {
		return 0, fmt.Errorf("%.40q is not an interval between 0 and 1h", text)
	}
	return d, nil
}

// MeanRate is how many requests a second recorded intervals make.
func MeanRate(intervals []time.Duration) float64 {
	var total time.Duration
	for _, d := range intervals {
		total += d
	}
	if total <= 0 {
		return 0
	}
	return float64(len(intervals)) / total.Seconds()
}
