package runner

import (
	"context"
	"slices"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner/triton"
)

// others is how the models that the sweep does not load are watched.
type others struct {
	// read returns their counters; nil for the server's own.
	read                      func(ctx context.Context) ([]triton.Stats, error)
	baseline, every, patience time.Duration
}

// watchOthers learns how the callers of other models fare before the sweep. Where
// there are none it takes no time.
func (r *run) watchOthers(ctx context.Context) error {
	if r.MaxSlowdown == 0 || r.Pipeline != nil && r.Production == nil { // a pipeline loads whatever it likes
		return nil
	}
	first, err := r.readOthers(ctx)
	if err != nil || !slices.ContainsFunc(first, func(s triton.Stats) bool { return s.Success.Count+s.Fail.Count > 0 }) {
		return ctx.Err() // who does not answer this has no callers to lose
	}
	timer := time.NewTimer(r.others.baseline)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	second, err := r.readOthers(ctx)
	if err != nil {
		return ctx.Err()
	}
	if r.harm = newHarmWatch(r.MaxSlowdown, r.others.patience, first, second); r.harm != nil {
		r.harm.original = r.Production != nil
	}
	return nil
}

// readOthers returns the counters of the models that the sweep does not load: all
// of a copied container, and those of the swept server that the plan does not name,
// nor an ensemble in it.
func (r *run) readOthers(ctx context.Context) ([]triton.Stats, error) {
	if r.others.read != nil {
		return r.others.read(ctx)
	}
	if r.Production != nil {
		return r.Production.AllStatistics(ctx)
	}
	own := loadedBy(r.originals)
	all, err := r.client.AllStatistics(ctx)
	return slices.DeleteFunc(all, func(s triton.Stats) bool { return own[s.Model] }), err
}

// loadedBy returns the models that a load on these reaches.
func loadedBy(configs map[string]*tritonpb.ModelConfig) map[string]bool {
	own := map[string]bool{}
	for model, config := range configs {
		own[model] = true
		for _, step := range config.GetEnsembleScheduling().GetStep() {
			own[step.GetModelName()] = true
		}
	}
	return own
}

// spareOthers returns a context that ends with a HarmError when others fare worse
// than allowed. stop must be called; what it finds last counts too.
func (r *run) spareOthers(ctx context.Context) (spared context.Context, stop func()) {
	if r.harm == nil {
		return ctx, func() {}
	}
	r.harm.begin(r.readBriefly(ctx))
	last := time.Now()
	spared, cancel := context.WithCancelCause(ctx)
	observe := func(readings []triton.Stats) {
		if len(readings) == 0 || r.hurt != nil {
			return // a reading that fails proves nothing: the next one counts
		}
		now := time.Now()
		if r.hurt = r.harm.observe(readings, now.Sub(last)); r.hurt != nil {
			cancel(r.hurt)
		}
		last = now
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(r.others.every)
		defer ticker.Stop()
		for {
			select {
			case <-spared.Done():
				return
			case <-ticker.C:
				observe(r.readBriefly(spared))
			}
		}
	}()
	return spared, func() {
		cancel(nil)
		<-done
		observe(r.readBriefly(ctx))
	}
}

// readBriefly reads the counters, or nothing from a server that takes long.
func (r *run) readBriefly(ctx context.Context) []triton.Stats {
	ctx, cancel := context.WithTimeout(ctx, harmEvery)
	defer cancel()
	readings, err := r.readOthers(ctx)
	if err != nil {
		return nil
	}
	return readings
}
