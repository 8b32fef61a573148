package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/tritonconfig"
)

// judge turns what a point went through into its verdict. A rule that failed
// makes it void; a suspect one keeps it from being ok.
func judge(result load.Result, checks []results.Check) (results.Verdict, []string) {
	own := result.Checks()
	verdict, reasons := result.Verdict, slices.Clone(result.Reasons)
	var failed []string
	for _, c := range checks {
		switch {
		case !c.Passed:
			failed = append(failed, c.Name+": "+c.Detail)
		case c.Suspect && !slices.Contains(own, c): // those of the load are in its reasons
			reasons = append(reasons, c.Name+": "+c.Detail)
			if verdict == results.OK {
				verdict = results.Noisy
			}
		}
	}
	if len(failed) > 0 {
		return results.Void, failed
	}
	return verdict, reasons
}

// ForeignChangeError says that somebody else changed what the server runs while
// a point was measured. The point is void; what they loaded is theirs.
type ForeignChangeError struct {
	Model string
	// Was and Is are the tuned values in force.
	Was, Is string
}

func (e *ForeignChangeError) Error() string {
	return fmt.Sprintf("%s: something else changed the config in force while it was measured: %s became %s (hint: end the other tool, then run again)", e.Model, e.Was, e.Is)
}

// rules are the validity rules that need the server: the config in force is the
// one asked for, before and after; the process is the same; and the server
// counted what the client counted, in times that fit into the client's. Of a model
// that others of the window reach too there is nothing to compare those with.
func (r *run) rules(ctx context.Context, p *part, reached bool) []results.Check {
	record, before, window := &p.record, p.before, p.window
	after, err := r.snapshot(ctx, record.Model)
	if err != nil {
		return []results.Check{{Name: "config", Detail: err.Error()}}
	}
	out := []results.Check{r.config(record.Model, before.config, after.config)}
	if r.Server != nil {
		out = append(out, process(before.identity, after.identity))
	}
	server, err := window.server()
	if err != nil {
		return append(out, results.Check{Name: "counters", Detail: err.Error()})
	}
	record.Server, record.Environment.ModelVersion = server, window.end.Version
	out = append(out, results.Check{
		Name: "counters", Passed: true,
		Detail: fmt.Sprintf("no counter of version %s fell: %d requests in %d executions", window.end.Version, server.Requests, server.Executions),
	})
	if r.Pipeline != nil {
		return append(out, used(record))
	}
	count, took := window.count(record, p.result.Tolerance), window.serverTime(p.result)
	if reached {
		count, took = window.leastCount(record, p.result.Tolerance), results.Check{Name: took.Name, Passed: true, Detail: throughEnsemble}
	}
	out = append(out, count, window.batch(server, after.config), took, window.cache(after.config))
	if c, compared := r.repeated[record.Model]; compared {
		out = append(out, c)
	}
	return out
}

// config compares the config in force, before and after, with the one that was
// verified for the trial. One that changed under the load is somebody else's
// doing, and ends the sweep.
func (r *run) config(model string, before, after *tritonpb.ModelConfig) results.Check {
	asked := r.verified[model]
	if asked == nil {
		asked = r.originals[model] // nothing was changed yet
	}
	for _, active := range []*tritonpb.ModelConfig{before, after} {
		if proto.Equal(asked, active) {
			continue
		}
		was, is := tritonconfig.Effective(asked).String(), tritonconfig.Effective(active).String()
		if was == is {
			is += " and another value in a field that is not tuned"
		}
		r.foreign = &ForeignChangeError{Model: model, Was: was, Is: is}
		return results.Check{Name: "config", Detail: fmt.Sprintf("not the one asked for: %s became %s", was, is)}
	}
	return results.Check{Name: "config", Passed: true, Detail: "the config in force is the one asked for, before and after"}
}

// process tells one process from its successor.
func process(before, after Identity) results.Check {
	c := results.Check{Name: "process", Passed: true, Detail: "the server runs since " + after.StartedAt.UTC().Format(time.RFC3339) + ", before and after"}
	switch {
	case before.ID != after.ID:
		c.Passed, c.Detail = false, fmt.Sprintf("container %.12s became %.12s", before.ID, after.ID)
	case !before.StartedAt.Equal(after.StartedAt) || before.Restarts != after.Restarts:
		c.Passed, c.Detail = false, fmt.Sprintf("the server was started again at %s", after.StartedAt.UTC().Format(time.RFC3339))
	}
	return c
}

// unmeasured gives a record whose load ended in an error its verdict. Dead
// instances are a rule that failed; anything else is no measurement.
func unmeasured(record *results.Record, err error) {
	record.Verdict = results.Failed
	if dead, ok := errors.AsType[*load.InstancesError](err); ok {
		record.Verdict, record.Checks = results.Void, append(record.Checks, dead.Check())
	}
	record.Reasons = append(record.Reasons, err.Error())
}

// instances is how many of a model's instances share its requests.
func instances(config *tritonpb.ModelConfig) int {
	n := 0
	for _, g := range config.GetInstanceGroup() {
		if !g.GetPassive() {
			n += max(int(g.GetCount()), 1) * max(len(g.GetGpus()), 1)
		}
	}
	return max(n, 1)
}

var errNoWindow = errors.New("the window was not measured")
