package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the coverage that every interval of this package aims at.
const Level = 0.95

// normal95 is the 97.5 % quantile of the standard normal distribution.
const normal95 = 1.959963984540054

// Interval is a figure with its two-sided confidence interval at Level.
type Interval struct {
	Value, Low, High float64
}

// HalfWidth returns half the distance between Low and High.
func (i Interval) HalfWidth() float64 { return (i.High - i.Low) / 2 }

// Relative returns the half-width as a fraction of the value, the quantity that
// sequential stopping compares with the precision asked for. It is +Inf when
// the value is not positive or not a number, so that such a figure is never
// taken for a precise one.
func (i Interval) Relative() float64 {
	if r := i.HalfWidth() / i.Value; i.Value > 0 && r >= 0 {
		return r
	}
	return math.Inf(1)
}

// Contains reports whether x lies in the interval, its ends included.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// symmetric returns value +- t(df) * se, its low end not below least.
func symmetric(value, se, df, least float64) Interval {
	half := student(df) * se
	return Interval{Value: value, Low: max(value-half, least), High: value + half}
}

// student returns the 97.5 % quantile of Student's t distribution (Student,
// "The probable error of a mean", 1908) with df degrees of freedom.
func student(df float64) float64 {
	if math.IsInf(df, 1) || df > 1e6 {
		return normal95
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(1 - (1-Level)/2)
}
