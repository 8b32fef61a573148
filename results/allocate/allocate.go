// Package allocate divides a memory budget among the instances of several
// models, from the throughput that each was measured to reach with each count.
//
// The aim is fairness first: the model that is furthest from its demand shall be
// as near to it as the budget allows (the largest minimum of throughput by
// demand). Among the allocations that reach this, the one with the largest
// product of these ratios is taken, then the one with the least memory. The
// answer is exact: every combination is looked at, or ruled out by a bound.
//
// The curves come from models that were measured one at a time. What they cost
// each other is not in them: package interference measures that.
package allocate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"tritonsweep/results"
)

// Model is what is known of one model.
type Model struct {
	Name string
	// Demand is the throughput that is wanted of it, items a second.
	Demand float64
	// Now is the instance count in force.
	Now int
	// Each is the memory of one instance, in bytes.
	Each float64
	// Options are the counts that were measured, with their throughputs.
	Options []Option
}

// Option is one instance count.
type Option struct {
	Count      int
	Throughput results.Estimate
}

// Choice is what a model gets.
type Choice struct {
	Model      string           `json:"model"`
	Now        int              `json:"now"`
	Count      int              `json:"count"`
	Memory     float64          `json:"memory_bytes"`
	Demand     float64          `json:"demand_per_s"`
	Throughput results.Estimate `json:"throughput_per_s"`
	// Share is throughput by demand.
	Share results.Estimate `json:"share"`
}

// Result is an allocation.
type Result struct {
	Budget float64 `json:"budget_bytes"`
	Memory float64 `json:"memory_bytes"`
	// Least is the smallest share: the allocation makes it as large as it can be.
	Least   float64  `json:"least_share"`
	Choices []Choice `json:"choices"`
}

// mostCombinations bounds the search; seven models with eight counts each are
// two millions.
const mostCombinations = 50_000_000

// Solve finds the best allocation. It returns an error where even the smallest
// counts do not fit, or a model is not fully described.
func Solve(models []Model, budget float64) (Result, error) {
	// Measured memory is a fraction of a byte off: a budget that fits exactly fits.
	s := solver{models: slices.Clone(models), budget: budget, most: budget * (1 + 1e-9)}
	combinations, smallest := 1.0, 0.0
	for i := range s.models {
		m := &s.models[i]
		if len(m.Options) == 0 || !(m.Demand > 0) || !(m.Each >= 0) {
			return Result{}, fmt.Errorf("%s: its throughput, its demand or the memory of an instance is not known", m.Name)
		}
		m.Options = slices.SortedFunc(slices.Values(m.Options), func(a, b Option) int { return cmp.Compare(a.Count, b.Count) })
		combinations *= float64(len(m.Options))
		smallest += m.memory(0)
	}
	switch {
	case len(models) == 0:
		return Result{}, fmt.Errorf("no model to allocate for")
	case combinations > mostCombinations:
		return Result{}, fmt.Errorf("%.0f combinations are too many to look at (hint: fewer models or counts)", combinations)
	case smallest > s.most:
		return Result{}, fmt.Errorf("the smallest counts need %.0f MiB, the budget is %.0f MiB", smallest/(1<<20), budget/(1<<20))
	}
	s.least = make([]float64, len(models)+1)
	for i := len(models) - 1; i >= 0; i-- {
		s.least[i] = s.least[i+1] + s.models[i].memory(0)
	}
	s.chosen, s.best = make([]int, len(models)), outcome{minimum: -1}
	s.try(0, outcome{minimum: math.Inf(1)})
	return s.result(), nil
}

func (m *Model) memory(option int) float64 { return m.Each * float64(m.Options[option].Count) }

func (m *Model) share(option int) float64 { return m.Options[option].Throughput.Value / m.Demand }

// outcome is what an allocation, or the beginning of one, comes to.
type outcome struct{ minimum, product, memory float64 } // product as a sum of logarithms

func (o outcome) better(than outcome) bool {
	const near = 1e-12
	switch {
	case math.Abs(o.minimum-than.minimum) > near*max(1, than.minimum):
		return o.minimum > than.minimum
	case math.Abs(o.product-than.product) > near*max(1, math.Abs(than.product)):
		return o.product > than.product
	}
	return o.memory < than.memory
}

type solver struct {
	models []Model
	budget float64
	most   float64
	least  []float64 // memory of the smallest counts of the models from i on
	chosen []int
	best   outcome
	answer []int
}

// try goes through the counts of model i, given what those before it came to.
func (s *solver) try(i int, so outcome) {
	if so.minimum < s.best.minimum {
		return // the minimum only falls
	}
	if i == len(s.models) {
		if so.better(s.best) {
			s.best, s.answer = so, slices.Clone(s.chosen)
		}
		return
	}
	m := &s.models[i]
	for k := range m.Options {
		next := outcome{
			minimum: min(so.minimum, m.share(k)), product: so.product + math.Log(max(m.share(k), 1e-12)), memory: so.memory + m.memory(k),
		}
		if next.memory+s.least[i+1] > s.most {
			return // larger counts need more
		}
		s.chosen[i] = k
		s.try(i+1, next)
	}
}

func (s *solver) result() Result {
	r := Result{Budget: s.budget, Memory: s.best.memory, Least: s.best.minimum}
	for i, k := range s.answer {
		m := s.models[i]
		x := m.Options[k].Throughput
		r.Choices = append(r.Choices, Choice{
			Model: m.Name, Now: m.Now, Count: m.Options[k].Count, Memory: m.memory(k), Demand: m.Demand, Throughput: x,
			Share: results.Estimate{Value: x.Value / m.Demand, Low: x.Low / m.Demand, High: x.High / m.Demand},
		})
	}
	return r
}
