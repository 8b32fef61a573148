package load

import (
	"context"
	"fmt"
	"time"

	"tritonsweep/sweep"
)

// A load sends the same few requests again and again. Where a server, or something
// before it, answers from memory what it was asked before, or the work depends on
// what a request holds, such a load measures something else than the model under its
// users. MLPerf's audit test 04 looks for that in submissions ("MLPerf Inference
// Benchmark", 2020), and so a few requests of the load are compared here with others
// of their kind that are new each time.
const (
	comparedRequests = 40                   // of either kind
	comparedBlock    = 5                    // of one kind in a row, and of the load's that differ
	comparedBytes    = 4 << 20              // of new requests that wait: beyond it a block is one
	mostCompared     = 64 << 20             // bytes of a request: a larger one takes long to make
	comparedTime     = time.Second          // after it the least is enough
	mostComparedTime = 10 * time.Second     // however slow the model is
	slowCompared     = 5 * time.Millisecond // of a request: beyond it a block is one
	leastCompared    = 5                    // pairs of blocks
)

// CompareRepeated sends requests of a load that the server knows already, and others
// that are new, alternately and one at a time. It takes about a second, and with
// a model that needs long at most mostComparedTime. An error says why nothing can be
// said: NoVariantsError, MemoryError, a request that failed, or that ctx ended.
func CompareRepeated(ctx context.Context, t Transport, spec Spec) (Repetition, error) {
	limited, cancel := context.WithTimeout(ctx, mostComparedTime)
	defer cancel()
	c, err := newComparison(t, spec)
	if err == nil {
		defer c.release()
		err = c.run(limited)
	}
	switch {
	case ctx.Err() != nil:
		return Repetition{}, context.Cause(ctx)
	case limited.Err() != nil && c.pairs() < leastCompared:
		return Repetition{}, fmt.Errorf("only %d pairs of requests were answered within %s, %d are needed", c.pairs(), mostComparedTime, leastCompared)
	case err != nil && limited.Err() == nil:
		return Repetition{}, err
	}
	return c.result(), nil
}

// newComparison encodes the load's requests, when they and the new ones fit into
// the memory that it may use.
func newComparison(t Transport, spec Spec) (*comparison, error) {
	if spec.Regions != nil {
		return nil, &NoVariantsError{"the inputs lie in shared memory"}
	}
	spec.Load = sweep.Load{Concurrency: 1, BatchSize: spec.Load.BatchSize} // whatever the load's callers
	spec = spec.withDefaults()
	groups, err := spec.Model.groups(spec.Data, spec.Load.BatchSize)
	if err != nil {
		return nil, err
	}
	groups = groups[:min(len(groups), comparedBlock)]
	c := &comparison{transport: t, timeout: spec.Timeout, block: comparedBlock}
	if c.variants, err = newVariants(spec, groups[0], encodingOf(t)); err != nil {
		return nil, err
	}
	_, _, bytes, err := spec.Model.head(groups[0])
	if err != nil {
		return nil, err
	}
	if bytes > mostCompared {
		return nil, &NoVariantsError{fmt.Sprintf("requests of %s are too large to make many of", size(bytes))}
	}
	if bytes*comparedBlock > comparedBytes {
		c.block, c.large = 1, true
	}
	// The values of each, and what they are encoded as.
	request := &Request{model: spec.Model, batch: spec.Load.BatchSize}
	if err := spec.fits(request.what(), 2*bytes*int64(len(groups)+c.block), request.Answer()); err != nil {
		return nil, err
	}
	for _, group := range groups {
		payload, err := encodingOf(t).payload(spec.Model, group)
		if err != nil {
			return nil, err
		}
		c.own = append(c.own, payload)
	}
	return c, nil
}
