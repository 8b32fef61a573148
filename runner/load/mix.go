package load

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Mix is the closed loop of several models at once: callers that send each of
// their requests to the next model of a shuffled deck, in which every model has as
// many cards as its weight, so that the proportions are exact. Every model is a Run
// of its own, with its own window, histogram and checks; a Mix is what they share.
// It serves one Run of each.
//
// An open mix needs none: requests of independent Poisson arrivals at rates in
// proportion are the same as one Poisson arrival process each of whose requests
// draws its model (Kingman, "Poisson Processes", 1993, the colouring theorem).
type Mix struct {
	weights []int
	random  *rand.Rand

	mu      sync.Mutex // of the deck and of who has joined
	deck    []int
	members []*caller
	joined  int

	callers int
	segment atomic.Int64
	pause   atomic.Int64 // nanoseconds
	stopped atomic.Bool
	group   sync.WaitGroup
	cancel  context.CancelFunc
}

// NewMix makes a mix of callers; weights are the models' numbers of requests in
// every turn of the deck, at least 1 each.
func NewMix(callers int, weights []int, seed uint64) *Mix {
	return &Mix{callers: callers, weights: weights, members: make([]*caller, len(weights)), random: rand.New(rand.NewPCG(seed, 0x6d6978))}
}

// Member is one model's part, for Spec.Mix.
func (m *Mix) Member(i int) *Member { return &Member{m, i} }

// Member is a model of a mix. It is the generator of its Run.
type Member struct {
	mix    *Mix
	number int
}

// join adds a model. With the last one the callers start, each after a random part
// of jitter. All of them end with the ctx of that one.
func (m *Member) join(ctx context.Context, c caller, jitter time.Duration) generator {
	x := m.mix
	x.mu.Lock()
	defer x.mu.Unlock()
	x.members[m.number] = &c
	x.pause.Store(max(x.pause.Load(), int64(jitter)))
	if x.joined++; x.joined < len(x.members) || x.stopped.Load() {
		return m
	}
	ctx, x.cancel = context.WithCancel(ctx)
	for i := range x.callers {
		random := rand.New(rand.NewPCG(c.spec.Seed, uint64(i)))
		x.group.Go(func() { x.loop(ctx, i, random) })
	}
	return m
}

// draw takes the next card.
func (x *Mix) draw() *caller {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.deck) == 0 {
		for model, n := range x.weights {
			for range n {
				x.deck = append(x.deck, model)
			}
		}
		x.random.Shuffle(len(x.deck), func(a, b int) { x.deck[a], x.deck[b] = x.deck[b], x.deck[a] })
	}
	last := len(x.deck) - 1
	model := x.deck[last]
	x.deck = x.deck[:last]
	return x.members[model]
}

func (x *Mix) loop(ctx context.Context, number int, random *rand.Rand) {
	wait := func() { sleep(ctx, time.Duration(random.Int64N(max(x.pause.Load(), 1)))) }
	wait()
	segment, failures := x.segment.Load(), 0
	for !x.stopped.Load() && ctx.Err() == nil {
		if now := x.segment.Load(); now != segment {
			segment = now
			wait()
			continue
		}
		if x.draw().call(ctx, number, time.Time{}, false) {
			failures = 0
			continue
		}
		failures = min(failures+1, 8)
		sleep(ctx, time.Millisecond<<(failures-1))
	}
}

// stop ends the whole mix: whoever is the first has seen all windows end, or has
// failed, and then there is no mix any more.
func (m *Member) stop(patience time.Duration) {
	x := m.mix
	x.mu.Lock()
	x.stopped.Store(true)
	cancel := x.cancel
	x.mu.Unlock()
	if cancel == nil {
		return // it never began
	}
	timer := time.AfterFunc(patience, cancel)
	defer timer.Stop()
	x.group.Wait()
	cancel()
}

// shift makes every caller wait once, as in a closed loop of one model.
func (m *Member) shift(most time.Duration) {
	m.mix.pause.Store(int64(most))
	m.mix.segment.Add(1)
}

// behind is nothing: a closed loop has no schedule.
func (m *Member) behind(time.Time) time.Duration { return 0 }
