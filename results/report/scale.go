package report

import (
	"math"
	"strconv"
)

// scale maps values to positions on an axis.
type scale struct {
	low, high float64 // of the values, at the ends
	from, to  float64 // positions
	log       bool
}

// newScale covers positive values. A linear axis begins at zero: lengths from
// the axis then compare as the figures do.
func newScale(values []float64, from, to float64, log bool) scale {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		if v > 0 {
			low = min(low, v)
		}
		high = max(high, v)
	}
	s := scale{from: from, to: to, log: log}
	if log {
		s.low, s.high = low/1.15, high*1.15
		return s
	}
	step := niceStep(high)
	s.high = step * math.Ceil(high*1.02/step)
	return s
}

// niceStep is 1, 2 or 5 times a power of ten, for four to eight ticks.
func niceStep(high float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(high)))
	for _, divide := range []float64{1, 2, 5, 10} {
		if high/(step/divide) >= 4 {
			return step / divide
		}
	}
	return step / 10
}

func (s scale) at(v float64) float64 {
	share := (v - s.low) / (s.high - s.low)
	if s.log {
		share = math.Log(max(v, s.low)/s.low) / math.Log(s.high/s.low)
	}
	return round1(s.from + share*(s.to-s.from))
}

func (s scale) ticks() []tick {
	var ticks []tick
	if !s.log {
		step := niceStep(s.high)
		for i := 0; float64(i)*step <= s.high*1.0001; i++ {
			v := float64(i) * step
			ticks = append(ticks, tick{s.at(v), tickText(v)})
		}
		return ticks
	}
	for _, v := range s.logValues() {
		ticks = append(ticks, tick{s.at(v), tickText(v)})
	}
	return ticks
}

// logValues are 1, 2 and 5 times the powers of ten; over many decades the
// powers alone.
func (s scale) logValues() []float64 {
	factors := []float64{1, 2, 5}
	if s.high/s.low > 1e4 {
		factors = factors[:1]
	}
	var values []float64
	for exp := math.Floor(math.Log10(s.low)); math.Pow(10, exp) <= s.high; exp++ {
		for _, f := range factors {
			if v := f * math.Pow(10, exp); v >= s.low && v <= s.high {
				values = append(values, v)
			}
		}
	}
	if len(values) < 3 {
		return s.evenValues() // the range lies between two such values
	}
	return values
}

// evenValues are multiples of a round step.
func (s scale) evenValues() []float64 {
	step := niceStep(s.high - s.low)
	var values []float64
	for i := math.Ceil(s.low / step); i*step <= s.high; i++ {
		values = append(values, i*step)
	}
	return values
}

func tickText(v float64) string {
	if v >= 10000 && math.Mod(v, 1000) == 0 {
		return thousands(strconv.FormatFloat(v/1000, 'f', 0, 64)) + "k"
	}
	if v >= 1000 {
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }
