package sweep

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxValues bounds one list of values, so that a mistyped range is an error
// and not a week of measuring.
const MaxValues = 1000

// ParseValues reads a comma-separated list of numbers and ranges, for example
// "0,1000..5000/1000,25000": a range runs from..to/step, the step is 1 when
// absent, and "to" belongs to it when a step meets it. The result is sorted,
// each value once. Values below least are refused.
func ParseValues(text string, least int) ([]int, error) {
	var values []int
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		got, err := parseItem(item)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		if got[0] < least {
			return nil, fmt.Errorf("%q: %d is below the least value, %d", item, got[0], least)
		}
		if values = append(values, got...); len(values) > MaxValues {
			return nil, fmt.Errorf("%q: more than %d values (hint: use a larger step)", text, MaxValues)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// parseItem returns the values of one number or range, ascending, at least one.
func parseItem(item string) ([]int, error) {
	first, rest, isRange := strings.Cut(item, "..")
	from, err := number(first)
	if err != nil {
		return nil, err
	}
	if !isRange {
		return []int{from}, nil
	}
	last, by, hasStep := strings.Cut(rest, "/")
	to, err := number(last)
	if err != nil {
		return nil, err
	}
	step := 1
	if hasStep {
		if step, err = number(by); err != nil {
			return nil, err
		}
	}
	switch {
	case to < from:
		return nil, fmt.Errorf("the range runs backwards (hint: %d..%d)", to, from)
	case step < 1:
		return nil, fmt.Errorf("the step must be at least 1")
	case (to-from)/step >= MaxValues:
		return nil, fmt.Errorf("more than %d values (hint: use a larger step)", MaxValues)
	}
	var values []int
	for v := from; v <= to; v += step {
		values = append(values, v)
	}
	return values, nil
}

func number(text string) (int, error) {
	v, err := strconv.ParseInt(strings.TrimSpace(text), 10, 40)
	if err != nil {
		return 0, fmt.Errorf("not a number (hint: write values as 1000,5000 or 1000..10000/1000)")
	}
	return int(v), nil
}

// ParseRates reads a comma-separated list of rates and ranges as ParseValues
// does; rates may have decimals: "0.5,10..50/10". All must be above 0.
func ParseRates(text string) ([]float64, error) {
	var rates []float64
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		got, err := parseRates(item)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		if rates = append(rates, got...); len(rates) > MaxValues {
			return nil, fmt.Errorf("%q: more than %d values (hint: use a larger step)", text, MaxValues)
		}
	}
	slices.Sort(rates)
	return slices.Compact(rates), nil
}

// parseRates returns the values of one rate or range, ascending, at least one.
func parseRates(item string) ([]float64, error) {
	first, rest, isRange := strings.Cut(item, "..")
	from, err := rate(first)
	if err != nil || !isRange {
		return []float64{from}, err
	}
	last, by, hasStep := strings.Cut(rest, "/")
	to, err := rate(last)
	if err != nil {
		return nil, err
	}
	step := 1.0
	if hasStep {
		if step, err = rate(by); err != nil {
			return nil, err
		}
	}
	// A step that meets the end but for rounding, which is of the ends and not of the
	// steps, belongs to the range.
	steps := (to - from + 1e-9) / step
	switch {
	case to < from:
		return nil, fmt.Errorf("the range runs backwards (hint: %s..%s)", RateText(to), RateText(from))
	case steps >= MaxValues:
		return nil, fmt.Errorf("more than %d values (hint: use a larger step)", MaxValues)
	}
	var rates []float64
	for i := range int(steps) + 1 {
		rates = append(rates, math.Round((from+float64(i)*step)*1e6)/1e6) // 0.3, not 0.30000000000000004
	}
	return rates, nil
}

func rate(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case err != nil || math.IsNaN(v):
		return 0, fmt.Errorf("not a rate (hint: write requests a second as 50,100 or 100..500/100)")
	case v <= 0:
		return 0, fmt.Errorf("a rate must be above 0")
	case v > mostRate:
		return 0, fmt.Errorf("a rate must be at most %g requests a second", mostRate)
	}
	return v, nil
}

// ParseSets reads preferred batch sizes: sets divided by semicolons, sizes by
// commas, "none" for no preferred sizes: "none;4,8;8,16,32". Each set is
// sorted; equal sets are kept once, in the order of their first appearance.
func ParseSets(text string) ([][]int, error) {
	var sets [][]int
	seen := map[string]bool{}
	for item := range strings.SplitSeq(text, ";") {
		set := []int{}
		if strings.TrimSpace(item) != "none" {
			var err error
			if set, err = ParseValues(item, 1); err != nil {
				return nil, fmt.Errorf("%w (hint: write sets as none;4,8;8,16,32)", err)
			}
		}
		if key := fmt.Sprint(set); !seen[key] {
			seen[key] = true
			sets = append(sets, set)
		}
	}
	return sets, nil
}
