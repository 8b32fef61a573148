package fidelity

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tritonsweep/sweep/batcher"
)

// burstConfig is the scenario's config as Triton reads it.
func burstConfig(name string, m *batcher.Model) string {
	c := &m.Config
	maxBatch, dims := c.MaxBatch, "4"
	if !c.Dynamic {
		maxBatch = max(1, maxBatch)
	}
	if c.VariableShape {
		dims = "-1"
	}
	each := m.Service.Compute.At(2) - m.Service.Compute.At(1)
	base := m.Service.Compute.At(1) - each
	var b strings.Builder
	fmt.Fprintf(&b, "name: %q\nbackend: \"python\"\nmax_batch_size: %d\n", name, maxBatch)
	fmt.Fprintf(&b, "input [ { name: \"input\" data_type: TYPE_FP32 dims: [ %s ] } ]\noutput [ { name: \"batch\" data_type: TYPE_INT64 dims: [ 4 ] } ]\n", dims)
	fmt.Fprintf(&b, "instance_group [ { count: %d kind: KIND_CPU } ]\n", max(1, c.Instances))
	for key, value := range map[string]time.Duration{"base_ns": base, "each_ns": each} {
		fmt.Fprintf(&b, "parameters { key: %q value { string_value: \"%d\" } }\n", key, value.Nanoseconds())
	}
	if !c.Dynamic {
		return b.String()
	}
	fmt.Fprintf(&b, "dynamic_batching {\n  max_queue_delay_microseconds: %d\n", c.Delay.Microseconds())
	if len(c.Preferred) > 0 {
		fmt.Fprintf(&b, "  preferred_batch_size: [ %s ]\n", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(c.Preferred)), ", "), "[]"))
	}
	fmt.Fprintf(&b, "  preserve_ordering: %v\n", c.PreserveOrdering)
	if c.PriorityLevels > 0 {
		fmt.Fprintf(&b, "  priority_levels: %d\n  default_priority_level: %d\n", c.PriorityLevels, c.DefaultPriority)
	}
	if c.Policy != (batcher.QueuePolicy{}) {
		action := "REJECT"
		if c.Policy.DelayExpired {
			action = "DELAY"
		}
		fmt.Fprintf(&b, "  default_queue_policy { timeout_action: %s default_timeout_microseconds: %d allow_timeout_override: %v max_queue_size: %d }\n",
			action, c.Policy.Timeout.Microseconds(), c.Policy.AllowOverride, c.Policy.MaxSize)
	}
	return b.String() + "}\n"
}

// measured returns the service times by batch size, as the server counts them,
// less what passes between responses and the end. A mean that is far above what
// the model was told to take holds a moment in which the machine did other work.
func (b *burst) measured(t *testing.T) batcher.Table {
	t.Helper()
	stats, err := b.statistics(t).Sub(b.warm)
	if err != nil {
		t.Fatal(err)
	}
	timing := batcher.DefaultTiming()
	points := map[int]time.Duration{}
	for _, s := range stats.Batches {
		in, _ := s.ComputeInput.Mean()
		infer, _ := s.ComputeInfer.Mean()
		out, _ := s.ComputeOutput.Mean()
		whole := in + infer + out
		size := time.Duration(s.Size)
		asked := b.file.Scenario.Models[0].Service.Compute.At(s.Size)
		points[s.Size] = max(asked, min(whole-timing.EpilogueOf(s.Size).Mean, asked+time.Millisecond+size*100*time.Microsecond))
	}
	table, err := batcher.NewTable(points)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// frontEnds are how long the front end may take for each request, of which nobody
// tells: it depends on client and machine, and decides some races. Predictions are
// spread over them.
var frontEnds = []time.Duration{20 * time.Microsecond, 60 * time.Microsecond}

// predict simulates the scenario with the service times that the server's
// statistics tell of what it has just played.
func (b *burst) predict(t *testing.T) distribution {
	t.Helper()
	sc := b.file.Scenario
	m := sc.Models[0]
	m.Service.Compute = b.measured(t)
	m.Service.Input = batcher.Table{}
	sc.Models = []batcher.Model{m}
	counts := map[string]int{}
	const seeds = 1200
	var sim batcher.Simulator
	for seed := range seeds {
		sc.Seed = uint64(seed + 1)
		if front := frontEnds[seed%len(frontEnds)]; b.file.Scenario.Timing.FrontEnd == batcher.DefaultTiming().FrontEnd {
			sc.Timing.FrontEnd = batcher.Lag{Min: front / 10, Mean: front}
		}
		r, err := sim.Run(&sc)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, n := range r.Models[0].Refused {
			refused += n
		}
		counts[sequence(r.Models[0].Trace, refused)]++
	}
	return shares(counts, seeds)
}

// sequence is a course of batches as text: "5 2", or "1 3, 3 refused".
func sequence(sizes []int, refused int) string {
	text := fmt.Sprint(sizes)
	text = text[1 : len(text)-1]
	if refused > 0 {
		text += fmt.Sprintf(", %d refused", refused)
	}
	return text
}
