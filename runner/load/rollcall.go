package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tritonsweep/results"
)

// A model of which some instances are dead looks healthy: the server is ready,
// the model is ready, and the requests that reach the living ones are answered
// as fast as ever. So before a point every instance is asked twice.
const (
	callsEach    = 2
	mostCalls    = 64               // however many instances there are
	rollCallTime = 10 * time.Second // however slow they are
)

// InstancesError says that some of the checked requests before a point failed.
type InstancesError struct {
	Instances, Asked, Failed int
	Reason                   string // of the first failure
}

func (e *InstancesError) Error() string {
	return fmt.Sprintf("%d of %d requests to %d instances failed before the point: %s (hint: instances may be dead though the server is ready; its log says more)",
		e.Failed, e.Asked, e.Instances, e.Reason)
}

// Check is the rule that failed.
func (e *InstancesError) Check() results.Check {
	return results.Check{Name: "instances", Detail: e.Error()}
}

// rollCall sends every instance as many checked requests as callsEach says, at
// most as many at a time as the load will. All must be answered, and rightly.
func (r *run) rollCall(ctx context.Context) error {
	n := min(callsEach*r.spec.Instances, mostCalls)
	if n <= 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, min(rollCallTime, r.spec.Timeout))
	defer cancel()
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		first error
	)
	failed, asked := 0, 0
	callers := min(n, r.spec.Callers())
	for caller := range callers {
		group.Go(func() {
			for i := caller; i < n && limited.Err() == nil; i += callers {
				answer, err := r.transport.Infer(limited, caller, &r.request.payloads[i%len(r.request.payloads)], true)
				if err == nil {
					err = r.request.check(answer.Body)
				} else if limited.Err() != nil {
					return // it was slow, not dead
				}
				mu.Lock()
				asked++
				if err != nil {
					failed++
					if first == nil {
						first = err
					}
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.asked = asked
	if first == nil {
		return nil
	}
	reason := first.Error()
	if _, wrong := errors.AsType[*AnswerError](first); !wrong {
		reason = describe(first)
	}
	return &InstancesError{Instances: r.spec.Instances, Asked: asked, Failed: failed, Reason: reason}
}

// instances reports the roll call that went well; without one there is no rule.
func (o *outcome) instances() []results.Check {
	if o.run.spec.Instances <= 0 {
		return nil
	}
	return []results.Check{{
		Name: "instances", Passed: true,
		Detail: fmt.Sprintf("%d requests to %d instances before the point, all answered and checked", o.run.asked, o.run.spec.Instances),
	}}
}
