package runner

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"tritonsweep/results"
	"tritonsweep/results/stall"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/sweep"
)

// part is what one model has in a window: all of it, or at the same time as others.
type part struct {
	trial sweep.Trial
	load  sweep.Load
	mix   *load.Member // its part in a closed loop of several

	record results.Record
	before snapshot
	spec   load.Spec
	window *serverWindow
	result load.Result
	err    error // why nothing was measured
}

// measure measures parts under one common window, and holds every record to the
// same rules, however many there are. What is looked at beside the models is looked
// at once, for all of them.
func (r *run) measure(ctx context.Context, parts ...*part) []results.Record {
	var server Identity
	live := false
	for k, p := range parts {
		if p.err = r.specify(ctx, p, k); p.err == nil {
			server, live = p.before.identity, true
		}
	}
	w := r.watchWindow(server)
	defer w.stop()
	var resources results.Resources
	if live {
		resources = r.offerWatched(ctx, parts, w)
	}
	var records []results.Record
	for _, p := range parts {
		p.record.Resources = ownResources(resources)
		r.assess(ctx, p, parts, w)
		records = append(records, p.record)
	}
	return records
}

// offerWatched offers the parts, and looks meanwhile after the server and its other callers.
func (r *run) offerWatched(ctx context.Context, parts []*part, w *windowWatch) results.Resources {
	gauges := r.watch(ctx, w.others)
	spared, stopSparing := r.spareOthers(ctx)
	loaded, stop := r.guard(spared)
	r.offerAll(loaded, parts, w)
	stop()
	stopSparing()
	return gauges()
}

// specify learns what runs and says what to offer it.
func (r *run) specify(ctx context.Context, p *part, number int) (err error) {
	p.record = r.blank(p.trial, p.load)
	model := p.trial.Model
	if p.before, err = r.snapshot(ctx, model); err != nil {
		return err
	}
	p.record.Active, p.record.Environment = r.active(p.before, model), r.environment(p.before)
	if p.record.Config, err = triton.MarshalConfig(p.before.config); err != nil {
		return err
	}
	p.spec = r.Load
	spec := &p.spec
	spec.Load, spec.Mix = p.load, p.mix
	if spec.Load.Arrivals != sweep.Recorded {
		spec.Intervals = nil
	}
	spec.MaxDuration = cmp.Or(p.trial.MaxDuration, spec.MaxDuration)
	spec.Precision = cmp.Or(p.trial.Precision, spec.Precision)
	spec.Shared = p.before.identity.Simulated
	spec.Data = r.dataOf(model)
	p.record.Environment.InputSource = spec.Data.String()
	// Models that arrive by one seed would arrive at the same instants.
	spec.Seed = r.Plan.Seed + uint64(r.sequence+number)
	spec.Instances = instances(p.before.config)
	spec.Outputs = r.outputsOf(model)
	spec.Untouched = !r.remembered && proto.Equal(p.before.config, r.originals[model])
	p.window = &serverWindow{client: r.client, model: model}
	return nil
}

// offerAll loads the models of all parts at the same time. Every window lies within
// the load of all others: a model that is warm waits for the others before its
// window begins, and goes on after its end until theirs have ended.
func (r *run) offerAll(ctx context.Context, parts []*part, w *windowWatch) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	begin, end := newBarrier(len(parts)), newBarrier(len(parts))
	for k, p := range parts {
		p.spec.Gather = func(ctx context.Context, at load.Phase) error {
			if at == load.WindowStart {
				return begin.wait(ctx, k)
			}
			return end.wait(ctx, k)
		}
		p.spec.Boundary = func(ctx context.Context, at load.Phase) error {
			w.boundary(at)
			return p.window.boundary(ctx, at)
		}
		group.Go(func() {
			// One that ends, however, keeps nobody waiting.
			defer begin.arrive(k)
			defer end.arrive(k)
			if p.err == nil {
				p.result, p.err = r.offer(ctx, &p.record, p.before, p.spec)
			}
			if cause := context.Cause(ctx); p.err != nil && cause != nil {
				p.err = cause // what ended it, wherever it was just then
			}
			if p.err != nil && p.mix != nil { // there is no mix without it
				cancel(fmt.Errorf("%s, which belongs to the mix, could not be measured", p.trial.Model))
			}
		})
	}
	group.Wait()
}

// assess fills in a part's record and judges it by every rule.
func (r *run) assess(ctx context.Context, p *part, parts []*part, w *windowWatch) {
	for _, other := range parts {
		if other != p {
			p.record.Together = append(p.record.Together, other.trial.Model)
		}
	}
	if p.err != nil {
		unmeasured(&p.record, p.err)
	} else {
		r.fill(&p.record, p.result)
		w.judge(&p.record, p.result, r.rules(ctx, p, reached(p, parts)))
		if lost, found := stall.Find(&p.record); found { // the figures are right: it is what such a config does
			p.record.Reasons = append(p.record.Reasons, lost.String())
		}
	}
	if tooMuch(p.err) {
		r.stopped = &p.load
	}
	r.diagnose(ctx, p.trial, &p.record)
}

// reached tells that the load of another part reaches this one's model too: an
// ensemble's load those of its steps.
func reached(p *part, parts []*part) bool {
	for _, other := range parts {
		for _, step := range other.before.config.GetEnsembleScheduling().GetStep() {
			if other != p && step.GetModelName() == p.trial.Model {
				return true
			}
		}
	}
	return false
}
