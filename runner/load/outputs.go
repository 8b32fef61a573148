package load

import (
	"fmt"
	"sync"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/results"
)

// Outputs remembers what a model answers under its untouched config, to compare
// with it what the same requests are answered under others: a setting that makes a
// model fast and wrong must not win. It is shared by the runs of one model.
type Outputs struct {
	mu     sync.Mutex
	known  map[outputKey]sketch
	of     string // whose answers they are
	varies string // how two answers of the untouched config to one request differed
}

// outputKey is one request: data do not change within a sweep.
type outputKey struct{ batch, payload int }

// NewOutputs returns one that remembers nothing yet.
func NewOutputs() *Outputs {
	return &Outputs{known: map[outputKey]sketch{}, of: "the untouched config"}
}

const (
	// mostApart is how far an answer may be from the untouched config's. Batches of
	// another size, or half the precision, change the last digits of floats; rows
	// that were mixed up, or outputs that nobody wrote, change all of them.
	mostApart = 0.1
	// mostDifferent is the share of answers that may be farther apart before a point
	// is void: of boxes that are sorted by score, two that are nearly equal change
	// places.
	mostDifferent = 0.1
	// mostKnown bounds the distinct requests whose answers are remembered.
	mostKnown = 64
)

// compared adds up what a run's answers showed; the recorder's lock guards it.
type compared struct {
	answers, kept, different int
	worst                    float64
	output                   string // where it was worst
	payload                  int    // of the first one that was different
}

// take compares an answer with the one that is known, or remembers it where the
// config is untouched and none is.
func (r *recorder) take(spec Spec, payload int, response *service.ModelInferResponse) {
	if spec.Outputs == nil || response == nil || payload >= mostKnown {
		return
	}
	s, key := sketchOf(response, 0, 1), outputKey{spec.Load.BatchSize, payload}
	known, found := spec.Outputs.recall(key, s, spec.Untouched)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !found {
		if spec.Untouched {
			r.outputs.kept++
		}
		return
	}
	r.outputs.answers++
	apart, output := s.distance(known)
	if apart > r.outputs.worst {
		r.outputs.worst, r.outputs.output = apart, output
	}
	if apart > mostApart {
		if r.outputs.different++; r.outputs.different == 1 {
			r.outputs.payload = payload
		}
	}
}

// recall returns what is known of a request's answer; keep remembers it otherwise.
func (o *Outputs) recall(key outputKey, s sketch, keep bool) (known sketch, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, found = o.known[key]; !found && keep {
		o.known[key] = s
	}
	return known, found
}

// sway notes, or tells, that a model answers one request in several ways.
func (o *Outputs) sway(text string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.varies == "" {
		o.varies = text
	}
	return o.varies
}

// outputs reports what the comparison showed.
func (o *outcome) outputs() []results.Check {
	spec, seen := o.run.spec, o.run.recorder.outputs
	if spec.Outputs == nil || o.run.request.opaque != nil {
		return nil
	}
	c := results.Check{Name: "outputs", Passed: true}
	apart := fmt.Sprintf("at most %.2g %% apart (up to %.0f)", 100*seen.worst, 100*mostApart)
	switch {
	case spec.Untouched && seen.different > 0:
		c.Detail = "the model answers one request in several ways, so that nothing can be compared: " + spec.Outputs.sway(fmt.Sprintf("two answers of the untouched config are %.0f %% apart in %s", 100*seen.worst, seen.output))
	case spec.Untouched:
		c.Detail = fmt.Sprintf("%d answers of the untouched config, to compare others with, and %d compared with them: %s", seen.kept, seen.answers, apart)
	case seen.answers == 0:
		c.Detail = "nothing to compare with: " + spec.Outputs.of + " did not answer these requests before"
	case seen.different == 0:
		c.Detail = fmt.Sprintf("%d answers compared with those of %s: %s", seen.answers, spec.Outputs.of, apart)
	default:
		c.Detail = fmt.Sprintf("%d of %d answers differ from those of %s by more than %.0f %%, by %.0f %% in %s",
			seen.different, seen.answers, spec.Outputs.of, 100*mostApart, 100*seen.worst, seen.output)
		c.Suspect = true
		if o.varies != "" {
			c.Detail += "; but the model has no one answer: " + o.varies
		} else {
			c.Passed = float64(seen.different) <= mostDifferent*float64(seen.answers)
		}
	}
	return []results.Check{c}
}
