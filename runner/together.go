package runner

import (
	"context"
	"fmt"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// RunTogether carries out a plan some of whose trials are measured at the same time
// (sweep.NewTogether, sweep.NewMix), all in windows of fixed length. weights, when
// set, are the models' shares of the callers of a closed loop that they have in
// common. Nothing is changed, so there is nothing to restore.
func RunTogether(ctx context.Context, config Config, weights map[string]int) (Outcome, error) {
	config.Mode = None
	config.Load.MinDuration = config.Load.MaxDuration
	r := newRun(config)
	if err := r.prepare(ctx); err != nil {
		return r.ending(ctx, err)
	}
	if err := r.remember(ctx); err != nil {
		return r.ending(ctx, err)
	}
	if err := r.watchOthers(ctx); err != nil {
		return r.ending(ctx, err)
	}
	if err := r.compareInputs(ctx); err != nil {
		return r.ending(ctx, err)
	}
	for _, trials := range r.Plan.Occasions() {
		if err := r.occasion(ctx, trials, weights); err != nil {
			return r.ending(ctx, err)
		}
	}
	return r.outcome, nil
}

// occasion measures trials at the same time, once more where a record of them
// cannot be used.
func (r *run) occasion(ctx context.Context, trials []sweep.Trial, weights map[string]int) error {
	r.tell(Event{Step: Measuring, Trial: trials[0], Load: trials[0].Loads[0], Points: r.sequence})
	r.ended = nil
	records, err := r.twice(ctx, func() []results.Record { return r.measure(ctx, r.parts(trials, weights)...) })
	if err != nil {
		return err
	}
	for k, record := range records {
		if err := r.record(trials[k], record); err != nil {
			return err
		}
	}
	if r.ended != nil { // nobody starts it again
		return fmt.Errorf("the server ended: %w", r.ended)
	}
	return r.spoilt()
}

// parts are those of an occasion. A mix is made anew for every window.
func (r *run) parts(trials []sweep.Trial, weights map[string]int) []*part {
	var parts []*part
	var numbers []int
	for _, t := range trials {
		parts = append(parts, &part{trial: t, load: t.Loads[0]})
		numbers = append(numbers, weights[t.Model])
	}
	if first := trials[0].Loads[0]; weights != nil && !first.Open() {
		mix := load.NewMix(first.Concurrency, numbers, r.Plan.Seed+uint64(r.sequence))
		for k, p := range parts {
			p.mix = mix.Member(k)
		}
	}
	return parts
}

// remember asks each model by itself, before the first load, for the answers that
// those under load are compared with. One that cannot be asked says why when it is
// measured.
func (r *run) remember(ctx context.Context) error {
	r.remembered = true
	known := map[string]bool{}
	for _, t := range r.Plan.Trials {
		p := &part{trial: t, load: t.Loads[0]}
		key := fmt.Sprint(t.Model, " ", p.load.BatchSize)
		if known[key] || r.specify(ctx, p, 0) != nil {
			continue
		}
		known[key] = true
		spec, transport, err := r.reach(ctx, p.spec, t.Model, p.before)
		if err != nil {
			continue
		}
		_ = load.Remember(ctx, transport, spec)
		transport.Close()
	}
	return context.Cause(ctx)
}
