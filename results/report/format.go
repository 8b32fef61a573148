package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// number prints v with as many digits as a reader can use: three, or all of
// the integer part, thousands grouped.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1 || a == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// plainNumber prints what a user chose as the user would write it.
func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func count(n int64) string { return thousands(strconv.FormatInt(n, 10)) }

// thousands puts a comma between groups of three digits of an integer.
func thousands(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	var parts []string
	for len(digits) > 3 {
		parts = append(parts, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	parts = append(parts, digits)
	slices.Reverse(parts)
	return sign + strings.Join(parts, ",")
}

// spread prints how far the interval reaches, as a percentage of the value.
func spread(e results.Estimate) string {
	if e.Value == 0 {
		return ""
	}
	return "±" + percent(max(e.High-e.Value, e.Value-e.Low)/math.Abs(e.Value))
}

func percent(fraction float64) string {
	v := 100 * fraction
	if a := math.Abs(v); a >= 9.95 || a == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + "%"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + "%"
}

// change prints a ratio as a signed percentage: 1.2 is +20%.
func change(ratio float64) string {
	p := percent(ratio - 1)
	if strings.Trim(p, "-0.%") == "" {
		return "0%"
	}
	if ratio > 1 {
		return "+" + p
	}
	return p
}

// changeInterval prints "+20% [+17%, +24%]".
func changeInterval(e results.Estimate) string {
	return fmt.Sprintf("%s [%s, %s]", change(e.Value), change(e.Low), change(e.High))
}

// orNone prints a figure that may be absent.
func orNone(e *results.Estimate, text func(results.Estimate) string) string {
	if e == nil {
		return "n/a"
	}
	return text(*e)
}

func interval(e results.Estimate) string {
	return fmt.Sprintf("[%s, %s]", number(e.Low), number(e.High))
}

func bytesText(n float64) string {
	const unit = 1024
	a, sign := math.Abs(n), ""
	if n < 0 {
		sign = "-"
	}
	if a < unit {
		return sign + strconv.FormatFloat(a, 'f', 0, 64) + " B"
	}
	for _, suffix := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if a /= unit; a < unit || suffix == "TiB" {
			return sign + number(a) + " " + suffix
		}
	}
	return ""
}

func durationText(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}

// delayText prints microseconds in the unit that people use.
func delayText(us uint64) string {
	switch {
	case us == 0:
		return "0"
	case us%1000 == 0:
		return thousands(strconv.FormatUint(us/1000, 10)) + " ms"
	}
	return thousands(strconv.FormatUint(us, 10)) + " µs"
}

// describe names settings in words, "" if they say nothing.
func describe(s tritonconfig.Settings) string {
	var parts []string
	if s.MaxQueueDelay != nil {
		parts = append(parts, "queue delay "+delayText(*s.MaxQueueDelay))
	}
	if s.PreferredBatchSizes != nil {
		if len(s.PreferredBatchSizes) == 0 {
			parts = append(parts, "no preferred sizes")
		} else {
			parts = append(parts, "preferred sizes ["+strings.Join(sizes(s.PreferredBatchSizes), ", ")+"]")
		}
	}
	if s.InstanceCount != nil {
		parts = append(parts, plural(*s.InstanceCount, "instance")+inGroup(s.InstanceGroup))
	}
	if s.MaxBatchSize != nil {
		parts = append(parts, "max batch "+strconv.Itoa(*s.MaxBatchSize))
	}
	if text := otherText(s); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// otherText names the settings that go by their path in the config.
func otherText(s tritonconfig.Settings) string {
	var parts []string
	for _, path := range s.OtherPaths() {
		parts = append(parts, path+" "+s.Other[path])
	}
	return strings.Join(parts, ", ")
}

// label names the settings of a point.
func label(p Point) string {
	if p.Settings.IsZero() {
		return "as configured"
	}
	return describe(p.Settings)
}

// order says in words what to do to get settings.
func order(s tritonconfig.Settings) string {
	var set []string
	if s.MaxQueueDelay != nil {
		set = append(set, "the queue delay to "+delayText(*s.MaxQueueDelay))
	}
	if len(s.PreferredBatchSizes) > 0 {
		set = append(set, "the preferred batch sizes to ["+strings.Join(sizes(s.PreferredBatchSizes), ", ")+"]")
	}
	if s.InstanceCount != nil {
		set = append(set, "the instance count"+inGroup(s.InstanceGroup)+" to "+strconv.Itoa(*s.InstanceCount))
	}
	if s.MaxBatchSize != nil {
		set = append(set, "the maximum batch size to "+strconv.Itoa(*s.MaxBatchSize))
	}
	for _, path := range s.OtherPaths() {
		set = append(set, path+" to "+s.Other[path])
	}
	remove := s.PreferredBatchSizes != nil && len(s.PreferredBatchSizes) == 0
	switch {
	case len(set) == 0 && remove:
		return "Remove the preferred batch sizes"
	case remove:
		return "Set " + enumerate(set) + ", and remove the preferred batch sizes"
	}
	return "Set " + enumerate(set)
}

func sizes(list []int) []string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = strconv.Itoa(n)
	}
	return parts
}

func inGroup(name string) string {
	if name == "" {
		return ""
	}
	return " of group " + name
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(int64(n)) + " " + word + "s"
}

// enumerate joins with commas and a final "and".
func enumerate(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

func loadText(l sweep.Load) string {
	text := "concurrency " + count(int64(l.Concurrency))
	if l.Share > 0 {
		text += fmt.Sprintf(", %.3g %% of the requests of a mix", 100*l.Share)
	}
	if l.Open() {
		text = sweep.RateText(l.Rate) + " requests a second"
		switch l.Arrivals {
		case sweep.Constant:
			text += " at equal intervals"
		case sweep.Recorded:
			text += " as in " + clean(l.Trace)
		}
	}
	if l.BatchSize > 1 {
		text += ", client batch " + count(int64(l.BatchSize))
	}
	return text
}

// rate prints a throughput: items, which are requests where the batch is 1.
func rate(e results.Estimate) string { return number(e.Value) + "/s" }

func millis(e results.Estimate) string { return number(e.Value) + " ms" }
