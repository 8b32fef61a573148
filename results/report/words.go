package report

import (
	"fmt"

	"tritonsweep/results"
)

// choiceLines says what a limit buys, from the lowest limit up.
func choiceLines(m *Model) []string {
	points := m.pointsByID()
	var lines []string
	for _, c := range m.Choices {
		p := points[c.Point]
		lines = append(lines, fmt.Sprintf("from %s ms: %s (%s, %s)",
			number(c.Limit), rate(*p.Throughput), label(*p), loadText(p.Load)))
	}
	return lines
}

// curveLines says of the current and the recommended settings where they
// saturate.
func curveLines(m *Model) []string {
	points := m.pointsByID()
	chosen := points[m.Recommendation.Point]
	var lines []string
	for _, c := range m.Curves {
		now := c.Control || c.Settings.IsZero()
		if !now && (chosen == nil || chosen.Settings.Key() != c.Settings.Key()) {
			continue
		}
		headline, _ := saturationText(c, points)
		name := "as configured"
		if !now {
			name = describe(c.Settings)
		}
		lines = append(lines, fmt.Sprintf("%s, %s: %s%s", name, c.Fixed, lowerFirst(headline), placesText(c)))
	}
	return lines
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]|0x20) + s[1:]
}

func memoryText(m *InstanceMemory) string {
	if m == nil {
		return ""
	}
	if m.Container == nil && m.GPU == nil {
		return "Memory of one more instance: not reported."
	}
	text := "One more instance takes "
	if m.Container != nil {
		text += bytesInterval(*m.Container) + " of container memory"
	}
	if m.GPU != nil {
		if m.Container != nil {
			text += " and "
		}
		text += bytesInterval(*m.GPU) + " of GPU memory"
	}
	if m.GPU == nil {
		text += "; GPU memory is not reported"
	}
	return text + "."
}

func bytesInterval(e results.Estimate) string {
	if bytesText(e.Low) == bytesText(e.High) {
		return bytesText(e.Value)
	}
	return fmt.Sprintf("%s [%s, %s]", bytesText(e.Value), bytesText(e.Low), bytesText(e.High))
}

// noiseText says how much a difference must be to count.
func noiseText(n Noise) string {
	self := ""
	if n.SelfPairs > 0 {
		self = fmt.Sprintf(" The untouched config differed from itself by %s (%s of starts), beyond what their intervals explain.", percent(n.SelfDifference), plural(n.SelfPairs, "pair"))
	}
	if !n.Measured {
		return fmt.Sprintf("Noise between server starts was not measured; it is taken to be %s. "+
			"Differences in throughput below %s do not count.", percent(n.Throughput), percent(n.ThroughputFloor)) + self
	}
	return fmt.Sprintf("Two server starts of one config differ by %s in throughput and %s in latency (standard deviation). "+
		"Differences below %s and %s do not count.",
		percent(n.Throughput), percent(n.Latency), percent(n.ThroughputFloor), percent(n.LatencyFloor)) + self
}
