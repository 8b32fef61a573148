package runner

import (
	"math"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/inert"
)

// learn lets a measured point prove what others need no measurement.
func (r *run) learn(record results.Record) {
	s := record.Server
	if !r.SkipInert || s == nil || !record.Verdict.Usable() || record.Environment.Pipeline != "" {
		return
	}
	m := inert.Measured{
		Settings: record.Settings, Load: record.Load, Requests: s.Requests, Executions: s.Executions,
		Window: time.Duration(record.Duration * float64(time.Second)),
		Queue:  time.Duration(math.Round(s.Queue * float64(time.Millisecond))), Sizes: map[int]int64{},
	}
	for _, b := range s.Batches {
		m.Sizes[b.Size] = b.Executions
	}
	if r.evidence[record.Model] == nil {
		r.evidence[record.Model] = inert.NewEvidence(batcher.ConfigOf(r.originals[record.Model], 1))
	}
	r.evidence[record.Model].Add(m)
}

// inertLoads returns why points of a trial need not be measured any more, by
// load. A point that a round has measured is measured in the others too.
func (r *run) inertLoads(t sweep.Trial) map[sweep.Load]string {
	evidence := r.evidence[t.Model]
	if evidence == nil || t.Control || t.Final || t.Settings.IsZero() {
		return nil
	}
	reasons := map[sweep.Load]string{}
	for _, l := range t.Loads {
		if _, measured := r.outcome.points[pointKey{t.Model, t.Settings.Key(), t.Control, l}]; measured {
			continue
		}
		if why := evidence.Skip(t.Settings, l); why != "" {
			reasons[l] = why
		}
	}
	return reasons
}

// leaveOut records the points of a trial that need no measurement, and returns
// the trial without them.
func (r *run) leaveOut(t sweep.Trial) (sweep.Trial, error) {
	reasons := r.inertLoads(t)
	if len(reasons) == 0 {
		return t, nil
	}
	rest := t
	rest.Loads = nil
	for _, l := range t.Loads {
		why, inert := reasons[l]
		if !inert {
			rest.Loads = append(rest.Loads, l)
			continue
		}
		if err := r.record(t, r.untried(t, l, results.Inert, why)); err != nil {
			return t, err
		}
	}
	return rest, nil
}
