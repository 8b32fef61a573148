package load

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// comparison is the state of one CompareRepeated.
type comparison struct {
	transport Transport
	timeout   time.Duration
	variants  *variants
	own       []Payload // of the load
	turn      int       // of own
	block     int
	large     bool // requests are, so that no garbage may gather
	// repeated and varied are the typical latencies of blocks, in pairs.
	repeated, varied []time.Duration
}

// run compares until there are enough pairs of blocks.
func (c *comparison) run(ctx context.Context) error {
	begin := time.Now()
	latency, err := c.warm(ctx)
	if err != nil {
		return err
	}
	if latency > slowCompared {
		c.block = 1
	}
	for c.pairs()*c.block < comparedRequests && (time.Since(begin) < comparedTime || c.pairs() < leastCompared) {
		if err := c.pair(ctx); err != nil {
			return err
		}
	}
	return nil
}

// warm sends each of the load's requests, so that it is known, and one new one. It
// returns how long the last two took on average.
func (c *comparison) warm(ctx context.Context) (time.Duration, error) {
	fresh, err := c.fresh()
	if err != nil {
		return 0, err
	}
	for range c.own {
		if _, err := c.send(ctx, c.next()); err != nil {
			return 0, err
		}
	}
	again, err := c.send(ctx, c.next())
	if err != nil {
		return 0, err
	}
	first, err := c.send(ctx, &fresh)
	return (again + first) / 2, err
}

// pair measures a block of either kind, in an order that changes each time. What is
// new is encoded before: neither kind follows the pause that this takes, since a
// request that is not counted lies between.
func (c *comparison) pair(ctx context.Context) error {
	fresh := make([]Payload, c.block)
	for i := range fresh {
		var err error
		if fresh[i], err = c.fresh(); err != nil {
			return err
		}
	}
	if _, err := c.send(ctx, c.next()); err != nil {
		return err
	}
	known := func(int) *Payload { return c.next() }
	unknown := func(i int) *Payload { return &fresh[i] }
	first, second, turned := known, unknown, c.pairs()%2 == 1
	if turned {
		first, second = unknown, known
	}
	one, err := c.typical(ctx, first)
	if err != nil {
		return err
	}
	other, err := c.typical(ctx, second)
	if err != nil {
		return err
	}
	if turned {
		one, other = other, one
	}
	c.repeated, c.varied = append(c.repeated, one), append(c.varied, other)
	return nil
}

// fresh encodes a new request. What the one before left goes first where that is
// large: the comparison must not need more memory than the load after it.
func (c *comparison) fresh() (Payload, error) {
	if c.large {
		runtime.GC()
	}
	return c.variants.next()
}

// release forgets the requests, and gives the memory of large ones back at once.
func (c *comparison) release() {
	c.own, c.variants = nil, nil
	if c.large {
		debug.FreeOSMemory()
	}
}

// typical sends a block and returns its median latency: one request that something
// else on the machine delayed says nothing about its kind.
func (c *comparison) typical(ctx context.Context, payload func(int) *Payload) (time.Duration, error) {
	all := make([]time.Duration, c.block)
	for i := range all {
		var err error
		if all[i], err = c.send(ctx, payload(i)); err != nil {
			return 0, err
		}
	}
	slices.Sort(all)
	return max((all[(len(all)-1)/2]+all[len(all)/2])/2, 1), nil
}

// next returns the load's requests in rotation.
func (c *comparison) next() *Payload {
	c.turn++
	return &c.own[c.turn%len(c.own)]
}

// send sends one request and returns its latency.
func (c *comparison) send(ctx context.Context, p *Payload) (time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	start := time.Now()
	answer, err := c.transport.Infer(limited, 0, p, false)
	if err != nil {
		return 0, errors.New(describe(err))
	}
	if answer.Received.IsZero() {
		return time.Since(start), nil
	}
	return answer.Received.Sub(start), nil
}
