package tritonsim

import "tritonsweep/sweep/batcher"

// rotation is the one thread that feeds all instances of a device-blocking
// backend, in turn. Its execute call returns once the batch is issued and the
// next instance has read its inputs, so that it could take another.
type rotation struct {
	scheduler *scheduler
	source    source         // the return of the call under way
	consumed  []batcher.Time // by instance: when its last inputs are read; Never while unknown
	free      []batcher.Time // by instance: when its stream has done all that was issued
	blocked   int32          // the batch whose call has not returned, -1 for none
	next      int32          // the instance that this call waits for
}

func newRotation(s *scheduler, instances int) *rotation {
	r := &rotation{scheduler: s, consumed: make([]batcher.Time, instances), free: make([]batcher.Time, instances), blocked: -1}
	r.source.fire = func() {
		batch := r.blocked
		r.blocked = -1
		s.step(batcher.Event{Kind: batcher.Return, Batch: batch})
	}
	return r
}

// issue begins the execute call for a batch.
func (r *rotation) issue(batch, instance int32) {
	r.consumed[instance] = batcher.Never
	r.blocked = batch
	r.next = (instance + 1) % int32(len(r.consumed))
	r.plan()
}

// begin puts a batch behind what its instance's stream still has to do and
// returns when it begins. Its inputs are read then.
func (r *rotation) begin(instance int32, at, work batcher.Time) batcher.Time {
	at = max(at, r.free[instance])
	r.free[instance] = at + work
	r.consumed[instance] = at
	r.plan()
	return at
}

// plan sets the return of the call, once it is known when that will be.
func (r *rotation) plan() {
	if r.blocked < 0 || r.consumed[r.next] == batcher.Never {
		return
	}
	e := r.scheduler.engine
	e.set(&r.source, max(e.now, r.consumed[r.next]))
}
