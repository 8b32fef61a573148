package runner

import (
	"context"
	"fmt"
	"sync"
)

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
