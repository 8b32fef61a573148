package report

import (
	"fmt"
	"slices"

	"tritonsweep/results"
	"tritonsweep/results/scaling"
	"tritonsweep/sweep"
)

// instanceScaling fits the law to the throughputs of the instance counts.
func (a *analysis) instanceScaling() *InstanceScaling {
	under, load := instanceThroughput(a.all())
	counts := sortedKeys(under)
	var figures []results.Estimate
	for _, n := range counts {
		figures = append(figures, under[n])
	}
	law := scaling.Fit(counts, figures, a.run.Plan.Seed)
	if law == nil {
		return nil
	}
	return &InstanceScaling{Load: loadText(load), Counts: counts, Law: *law}
}

// InstanceThroughput returns the throughputs of the model by instance count, all
// else as configured, under the highest closed load that was measured.
func (m *Model) InstanceThroughput() map[int]results.Estimate {
	var groups []*group
	for _, p := range slices.Concat(m.Points, m.Control) {
		groups = append(groups, &group{point: p})
	}
	under, _ := instanceThroughput(groups)
	return under
}

// instanceThroughput takes the points that differ from the untouched config in
// the instance count alone, under the highest closed load: only at saturation do
// instances show what they can do.
func instanceThroughput(groups []*group) (map[int]results.Estimate, sweep.Load) {
	var load sweep.Load
	under := map[int]results.Estimate{}
	for _, g := range groups {
		p := g.point
		n := p.Active.InstanceCount
		rest := p.Settings
		rest.InstanceCount, rest.InstanceGroup = nil, ""
		if n == nil || !rest.IsZero() || p.Throughput == nil || len(p.Errors) > 0 || p.Load.Open() {
			continue
		}
		if offered(p.Load) > offered(load) {
			load = p.Load
			clear(under)
		}
		if p.Load == load {
			under[*n] = *p.Throughput
		}
	}
	return under, load
}

// offered is how many items a closed load has on the way.
func offered(l sweep.Load) int { return l.Concurrency * l.BatchSize }

// scalingText says what more instances bring.
func scalingText(s *InstanceScaling) string {
	if s == nil {
		return ""
	}
	text := fmt.Sprintf("%s reach %s times the throughput of one, at %s", plural(s.Most, "instance"), times(s.Speedup), s.Load)
	text += fmt.Sprintf("; contention %s, mutual cost %s (universal scalability law)", share(s.Sigma), share(s.Kappa))
	if s.Peak != nil {
		text += fmt.Sprintf(", which peaks at %s", times(*s.Peak))
		if s.Peak.Value > float64(s.Most) {
			text += ", beyond what was measured"
		}
	}
	return text + "."
}

func times(e results.Estimate) string { return number(e.Value) + " " + interval(e) }

func share(e results.Estimate) string {
	return fmt.Sprintf("%s [%s, %s]", percent(e.Value), percent(e.Low), percent(e.High))
}

// placesText adds to the line of a curve what its intervals leave open, the knee
// and the use of the GPU.
func placesText(c Curve) string {
	text := ""
	if p := c.SaturationLoad; p != nil && p.Low < p.High {
		text += fmt.Sprintf(" The intervals allow %s to %s.", plainNumber(p.Low), plainNumber(p.High))
	}
	if p := c.KneeLoad; p != nil {
		text += fmt.Sprintf(" The knee is at %s", plainNumber(p.Load))
		if p.Low < p.High {
			text += fmt.Sprintf(" [%s, %s]", plainNumber(p.Low), plainNumber(p.High))
		}
		text += "."
	}
	if c.Utilization != nil {
		text += fmt.Sprintf(" The GPU is in use for %s of the time there.", percent(*c.Utilization))
	}
	return text
}

// countsText lists the memory at each instance count.
func countsText(m *InstanceMemory) string {
	if m == nil {
		return ""
	}
	text := ""
	for _, c := range m.ByCount {
		part := ""
		if c.Container != nil {
			part = bytesText(float64(*c.Container)) + " of container memory"
		}
		if c.GPU != nil {
			if part != "" {
				part += " and "
			}
			part += bytesText(float64(*c.GPU)) + " of GPU memory"
		}
		if part == "" {
			continue
		}
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s: %s", plural(c.Count, "instance"), part)
	}
	if text == "" {
		return ""
	}
	return "Peaks: " + text + "."
}

// costLines say what instances cost and bring.
func costLines(m *Model) []string {
	var lines []string
	for _, line := range []string{memoryText(m.InstanceMemory), countsText(m.InstanceMemory), scalingText(m.Instances)} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// tooLarge says that a point needs more GPU memory than there may be.
func (a *analysis) tooLarge(p Point) string {
	if a.gpuLimit == 0 || p.GPU == nil || p.GPU.MemoryUsed == nil || *p.GPU.MemoryUsed <= a.gpuLimit {
		return ""
	}
	return fmt.Sprintf("uses %s of GPU memory, more than the limit of %s", bytesText(float64(*p.GPU.MemoryUsed)), bytesText(float64(a.gpuLimit)))
}

// gpuLimitText is the limit on GPU memory in words, "" without one.
func gpuLimitText(l results.Limit) string {
	if l.GPUMemory == 0 {
		return ""
	}
	return "at most " + bytesText(float64(l.GPUMemory))
}
