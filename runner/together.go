package runner

import (
	"context"
	"fmt"
	"sync"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// RunTogether carries out a plan some of whose trials are measured at the same
// time (sweep.NewTogether). specs say what to offer each model; their windows must
// be of fixed length. Nothing is changed, so there is nothing to restore: of the
// config only Run, Plan, Client, Base, Record and Progress are used.
func RunTogether(ctx context.Context, config Config, specs map[string]load.Spec) (Outcome, error) {
	config.Mode = None
	r := newRun(config)
	for _, trials := range r.Plan.Occasions() {
		r.tell(Event{Step: Measuring, Trial: trials[0], Load: trials[0].Loads[0], Points: r.sequence})
		for k, record := range r.measureTogether(ctx, trials, specs) {
			if ctx.Err() != nil {
				r.outcome.Interrupted = true
				return r.outcome, context.Cause(ctx)
			}
			if err := r.record(trials[k], record); err != nil {
				return r.outcome, err
			}
		}
	}
	return r.outcome, nil
}

// measureTogether loads the models of trials at the same time. Every window lies
// within the load of all others: a model that is warm waits for the others before
// its window begins, and goes on after its end until theirs have ended.
func (r *run) measureTogether(ctx context.Context, trials []sweep.Trial, specs map[string]load.Spec) []results.Record {
	var group sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin, end := newBarrier(len(trials)), newBarrier(len(trials))
	records := make([]results.Record, len(trials))
	for k, t := range trials {
		spec := specs[t.Model]
		spec.Load = t.Loads[0]
		spec.Seed += uint64(t.Round)
		spec.Boundary = func(ctx context.Context, at load.Phase) error {
			if at == load.WindowStart {
				return begin.wait(ctx, k)
			}
			return end.wait(ctx, k)
		}
		group.Go(func() {
			// One that ends, however, keeps nobody waiting.
			defer begin.arrive(k)
			defer end.arrive(k)
			records[k] = r.measureAlone(ctx, t, spec)
			if spec.Mix != nil && records[k].Verdict == results.Failed { // there is no mix without it
				cancel(fmt.Errorf("%s, which belongs to the mix, could not be measured", t.Model))
			}
			for _, other := range trials {
				if other.Model != t.Model {
					records[k].Together = append(records[k].Together, other.Model)
				}
			}
		})
	}
	group.Wait()
	return records
}

// measureAlone measures one model as it is.
func (r *run) measureAlone(ctx context.Context, t sweep.Trial, spec load.Spec) results.Record {
	record := r.blank(t, spec.Load)
	result, err := r.offerAlone(ctx, t, spec, &record)
	if err != nil {
		record.Verdict, record.Reasons = results.Failed, []string{err.Error()}
		return record
	}
	r.judge(&record, result)
	return record
}

func (r *run) offerAlone(ctx context.Context, t sweep.Trial, spec load.Spec, record *results.Record) (load.Result, error) {
	before, err := r.snapshot(ctx, t.Model)
	if err != nil {
		return load.Result{}, err
	}
	record.Active, record.Environment = r.active(before, t.Model), r.environment(before)
	return r.offer(ctx, record, before, spec)
}

// barrier lets a number of parties wait for each other once; who arrives again,
// or after all, does not wait.
type barrier struct {
	mu      sync.Mutex
	missing map[int]bool
	open    chan struct{}
}

func newBarrier(parties int) *barrier {
	b := &barrier{missing: map[int]bool{}, open: make(chan struct{})}
	for k := range parties {
		b.missing[k] = true
	}
	return b
}

func (b *barrier) arrive(party int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.missing[party] {
		return
	}
	delete(b.missing, party)
	if len(b.missing) == 0 {
		close(b.open)
	}
}

func (b *barrier) wait(ctx context.Context, party int) error {
	b.arrive(party)
	select {
	case <-b.open:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the other models: %w", context.Cause(ctx))
	}
}
