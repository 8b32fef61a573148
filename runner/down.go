package runner

import (
	"context"
	"errors"
	"fmt"

	"tritonsweep/results"
	"tritonsweep/runner/docker"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// down returns why the server does not run any more, or nil. An Engine that
// cannot be asked proves nothing, and one that somebody restarted runs.
func (r *run) down(ctx context.Context) error {
	if r.Server == nil {
		return nil
	}
	ended := r.Server.Stopped(context.WithoutCancel(ctx))
	if exit, ok := errors.AsType[*docker.ExitError](ended); ok && exit.Replaced {
		return nil
	}
	if errors.Is(ended, docker.ErrUnreachable) {
		return nil
	}
	return ended
}

// diagnose looks after a point that came to nothing whether the server ended
// under it, which says more than whatever its callers saw.
func (r *run) diagnose(ctx context.Context, t sweep.Trial, record *results.Record) {
	if record.Verdict.Usable() || ctx.Err() != nil {
		return
	}
	if r.ended = r.down(ctx); r.ended == nil {
		return
	}
	record.Verdict = results.Failed
	record.Reasons = append([]string{fmt.Sprintf("the server ended under this load: %v", r.ended)}, record.Reasons...)
	r.starved(t, r.ended)
}

// moot is the record of a load that is not offered, since the server ended under
// one before.
func (r *run) moot(t sweep.Trial, l sweep.Load) results.Record {
	return r.untried(t, l, results.Failed, fmt.Sprintf("not tried: the server ended under another load: %v", r.ended))
}

// starved remembers the settings under which the server was killed for lack of
// memory: with more instances it would be killed again.
func (r *run) starved(t sweep.Trial, ended error) {
	if exit, ok := errors.AsType[*docker.ExitError](ended); ok && exit.OOMKilled {
		r.hungry = append(r.hungry, t)
	}
}

// tooHungry returns the settings because of which a trial is not tried, if any.
func (r *run) tooHungry(t sweep.Trial) (tritonconfig.Settings, bool) {
	for _, dead := range r.hungry {
		if dead.Model == t.Model && dead.Settings.InstanceCount != nil && t.Settings.InstanceCount != nil &&
			*t.Settings.InstanceCount > *dead.Settings.InstanceCount && sameButCount(t.Settings, dead.Settings) {
			return dead.Settings, true
		}
	}
	return tritonconfig.Settings{}, false
}

func sameButCount(a, b tritonconfig.Settings) bool {
	a.InstanceCount, b.InstanceCount = nil, nil
	return a.Equal(b)
}

// signalled tells an end that the server's log cannot know of: by a signal, for
// lack of memory, or again and again.
func signalled(ended error) bool {
	exit, ok := errors.AsType[*docker.ExitError](ended)
	return ok && (exit.OOMKilled || exit.ExitCode > 128 || exit.Restarts > 0)
}
