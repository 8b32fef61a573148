package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/histogram"
)

// Bar is one row of a drawn histogram: Count requests with latencies above the
// row before and up to High milliseconds.
type Bar struct {
	Low   float64 `json:"low_ms"`
	High  float64 `json:"high_ms"`
	Count int64   `json:"count"`
	// Share is Count as a part of all requests, Below the part up to High.
	Share float64 `json:"share"`
	Below float64 `json:"below"`
}

// mostBars keeps a drawn histogram on one screen.
const mostBars = 20

// perDecade are the steps of the latency axis, each a preferred number series
// (IEC 60063): equal ratios, the finest that keeps within mostBars.
var perDecade = []float64{384, 192, 96, 48, 24, 12, 6, 3}

// barsOf cuts a histogram into rows of equal ratio, which make equal steps on a
// logarithmic axis. Overflow is in the last row.
func barsOf(h *histogram.Histogram) []Bar {
	if h.Count() == 0 {
		return nil
	}
	least, most := max(h.Min(), histogram.Lowest), max(h.Max(), histogram.Lowest)
	steps := perDecade[len(perDecade)-1]
	for _, n := range perDecade {
		if edge(most, n)-edge(least, n) < mostBars {
			steps = n
			break
		}
	}
	first := edge(least, steps)
	rows := make([]Bar, edge(most, steps)-first+1)
	for i := range rows {
		rows[i].Low, rows[i].High = stepAt(first+i-1, steps), stepAt(first+i, steps)
	}
	for b := range h.Buckets() {
		middle := min(max(b.Low+(b.High-b.Low)/2, least), most)
		i := min(max(edge(middle, steps)-first, 0), len(rows)-1)
		rows[i].Count += b.Count
	}
	rows[len(rows)-1].Count += h.Overflow()
	rows = occupied(rows)
	var seen int64
	for i := range rows {
		seen += rows[i].Count
		rows[i].Share = float64(rows[i].Count) / float64(h.Count())
		rows[i].Below = float64(seen) / float64(h.Count())
	}
	return rows
}

// occupied drops empty rows at both ends: the extremes are exact, but what is
// counted lies in the middle of a bucket, which may be in the row beside theirs.
func occupied(rows []Bar) []Bar {
	empty := func(r Bar) bool { return r.Count == 0 }
	for len(rows) > 1 && empty(rows[0]) {
		rows = rows[1:]
	}
	for len(rows) > 1 && empty(rows[len(rows)-1]) {
		rows = rows[:len(rows)-1]
	}
	return rows
}

// edge is the step whose row holds a latency.
func edge(d time.Duration, steps float64) int {
	return int(math.Ceil(math.Log10(float64(d)/1e6)*steps - 1e-9))
}

// stepAt is the upper end of a row, in milliseconds.
func stepAt(i int, steps float64) float64 { return math.Pow(10, float64(i)/steps) }

// eighths draw a bar to an eighth of a character.
var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// barText draws a length between 0 and 1 in at most width characters. What is
// there is seen, however short.
func barText(length float64, width int, ascii bool) string {
	parts := int(math.Round(length * float64(width) * 8))
	if length > 0 {
		parts = max(parts, 1)
	}
	if ascii {
		return strings.Repeat("#", (parts+7)/8)
	}
	return strings.Repeat("█", parts/8) + eighths[parts%8]
}

// barLines draws the rows: a logarithmic latency axis downwards, the share of
// requests as the bar, and beside the rows in which they lie the quantiles.
func barLines(rows []Bar, marks map[string]*results.Estimate, width int, ascii bool) []string {
	var largest float64
	var widest int
	names := make([]string, len(rows))
	for i, r := range rows {
		largest = max(largest, r.Share)
		names[i] = fmt.Sprintf("%s ms", stepNumber(rows, r.High))
		widest = max(widest, len(names[i]))
	}
	lines := make([]string, 0, len(rows))
	for i, r := range rows {
		var here []string
		for _, name := range []string{"p50", "p90", "p95", "p99"} {
			if e := marks[name]; e != nil && i == rowOf(rows, e.Value) {
				here = append(here, name)
			}
		}
		bar := barText(r.Share/largest, width, ascii)
		line := fmt.Sprintf("%*s  %s%s %8s %6s", widest, names[i], bar, strings.Repeat(" ", width-len([]rune(bar))),
			count(r.Count), percent(r.Share))
		if r.Count == 0 {
			line = fmt.Sprintf("%*s", widest, names[i])
		}
		if len(here) > 0 {
			line += "  " + strings.Join(here, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

// stepNumber prints the end of a row with the digits that tell it from its
// neighbours.
func stepNumber(rows []Bar, v float64) string {
	digits := 3
	if rows[0].High/rows[0].Low < 1.02 {
		digits = 4
	}
	whole := int(math.Floor(math.Log10(v)+1e-9)) + 1
	return strconv.FormatFloat(v, 'f', max(digits-max(whole, 1), 0), 64)
}

// rowOf is the row that holds a latency in milliseconds.
func rowOf(rows []Bar, v float64) int {
	i := slices.IndexFunc(rows, func(r Bar) bool { return v <= r.High*(1+1e-9) })
	if i < 0 {
		return len(rows) - 1
	}
	return i
}
