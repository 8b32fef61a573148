package report

import (
	"strings"
	"testing"

	"tritonsweep/results/pareto"
)

// A limit on GPU memory keeps settings that use more from being recommended.
func TestGPUMemoryLimit(t *testing.T) {
	s := samples["instances"]()
	free := s.report()
	s.run.Limit.GPUMemory = 3 << 30
	limited := s.report()
	excluded := 0
	for i, m := range limited.Models {
		for k, p := range m.Points {
			if p.GPU == nil || p.GPU.MemoryUsed == nil {
				continue
			}
			over := *p.GPU.MemoryUsed > 3<<30
			if over != strings.Contains(p.NotRecommended, "of GPU memory, more than the limit of 3.00 GiB") && !p.Current {
				t.Errorf("%s uses %d: %q", p.ID, *p.GPU.MemoryUsed, p.NotRecommended)
			}
			if over {
				excluded++
			}
			if over && m.Recommendation.Point == p.ID && m.Recommendation.Action == pareto.Change {
				t.Errorf("%s is recommended", p.ID)
			}
			if p.Limit != free.Models[i].Points[k].Limit {
				t.Errorf("%s: how it stands to the latency limit changed to %s", p.ID, p.Limit)
			}
		}
	}
	if excluded == 0 {
		t.Error("nothing was above the limit")
	}
	s = samples["queue-delay"]() // which reports no GPU
	s.run.Limit.GPUMemory = 3 << 30
	for _, f := range s.report().Footnotes {
		if f.Kind == "gpu-limit" && strings.Contains(f.Text, "could not be checked: no GPU was seen") {
			return
		}
	}
	t.Error("nobody says that the limit could not be checked")
}

func TestInstanceScaling(t *testing.T) {
	m := samples["instances"]().report().Models[0]
	law := m.Instances
	if law == nil || law.Counts[0] != 1 || law.Load != "concurrency 32" || law.Speedup.Value <= 1 || law.Sigma.Low > law.Sigma.High {
		t.Fatalf("%+v", law)
	}
	if text := scalingText(law); !strings.Contains(text, "times the throughput of one, at concurrency 32") {
		t.Error(text)
	}
	if samples["queue-delay"]().report().Models[0].Instances != nil {
		t.Error("a law without instance counts")
	}
	if by := m.InstanceMemory.ByCount; len(by) != len(m.InstanceMemory.Counts) || *by[0].GPU >= *by[len(by)-1].GPU {
		t.Errorf("memory by count %+v", by)
	}
}
