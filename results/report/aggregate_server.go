package report

import (
	"cmp"
	"maps"
	"slices"

	"tritonsweep/results"
)

// joinServers adds up counts, and weighs each mean by what it is a mean of.
func joinServers(records []results.Record) *Server {
	var s Server
	var requests float64
	batches := map[int]results.Batch{}
	for _, rec := range records {
		one := rec.Server
		if one == nil {
			continue
		}
		s.Inferences += one.Inferences
		s.Executions += one.Executions
		requests += float64(one.Requests)
		s.Queue += float64(one.Requests) * one.Queue
		s.ComputeInput += float64(one.Executions) * one.ComputeInput
		s.ComputeInfer += float64(one.Executions) * one.ComputeInfer
		s.ComputeOutput += float64(one.Executions) * one.ComputeOutput
		for _, b := range one.Batches {
			batches[b.Size] = addBatches(batches[b.Size], b)
		}
	}
	if s.Executions == 0 || requests == 0 {
		return nil
	}
	executions := float64(s.Executions)
	s.AverageBatch = float64(s.Inferences) / executions
	s.Queue /= requests
	s.ComputeInput /= executions
	s.ComputeInfer /= executions
	s.ComputeOutput /= executions
	s.Batches = slices.SortedFunc(maps.Values(batches), func(a, b results.Batch) int {
		return cmp.Compare(a.Size, b.Size)
	})
	return &s
}

func addBatches(a, b results.Batch) results.Batch {
	total := float64(a.Executions + b.Executions)
	if total == 0 {
		return b
	}
	mean := func(x, y float64) float64 {
		return (float64(a.Executions)*x + float64(b.Executions)*y) / total
	}
	return results.Batch{
		Size: b.Size, Executions: a.Executions + b.Executions,
		ComputeInput:  mean(a.ComputeInput, b.ComputeInput),
		ComputeInfer:  mean(a.ComputeInfer, b.ComputeInfer),
		ComputeOutput: mean(a.ComputeOutput, b.ComputeOutput),
	}
}

// joinGPUs sums over the devices of a round; over rounds it takes the peak of
// memory and the mean of the rest.
func joinGPUs(records []results.Record) *GPU {
	var all []GPU
	for _, rec := range records {
		if len(rec.Resources.GPUs) > 0 {
			all = append(all, sumGPUs(rec.Resources.GPUs))
		}
	}
	if len(all) == 0 {
		return nil
	}
	g := GPU{Devices: all[0].Devices}
	var utilization, power []float64
	for _, one := range all {
		g.MemoryUsed = larger(g.MemoryUsed, one.MemoryUsed)
		g.MemoryTotal = larger(g.MemoryTotal, one.MemoryTotal)
		if one.Utilization != nil {
			utilization = append(utilization, *one.Utilization)
		}
		if one.Power != nil {
			power = append(power, *one.Power)
		}
	}
	g.Utilization, g.Power = mean(utilization), mean(power)
	return &g
}

// sumGPUs joins the devices of one record; utilization is their mean.
func sumGPUs(devices []results.GPU) GPU {
	g := GPU{Devices: len(devices)}
	var utilization []float64
	for _, d := range devices {
		g.MemoryUsed = plus(g.MemoryUsed, d.MemoryUsed)
		g.MemoryTotal = plus(g.MemoryTotal, d.MemoryTotal)
		g.Power = plus(g.Power, d.Power)
		if d.Utilization != nil {
			utilization = append(utilization, *d.Utilization)
		}
	}
	g.Utilization = mean(utilization)
	return g
}

// plus adds what was reported; nil stands for what was not.
func plus[T int64 | float64](a, b *T) *T {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	sum := *a + *b
	return &sum
}

func larger(a, b *int64) *int64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

func mean(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	var sum float64
	for _, v := range values {
		sum += v
	}
	sum /= float64(len(values))
	return &sum
}
