package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"tritonsweep/results"
	"tritonsweep/results/interference"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
)

// Interference measures models alone and together. Nothing is changed, so there
// is nothing to restore.
type Interference struct {
	Client *triton.Client
	// Specs say what to offer, one a model; their windows must be of fixed length.
	Specs  []load.Spec
	Rounds int
	Seed   uint64
	// Record is told every sample as it comes; may be nil.
	Record func(interference.Sample)
}

// Run measures all rounds. An error is an interruption, or a server that cannot
// be reached; what goes wrong in one measurement is in its samples.
func (i *Interference) Run(ctx context.Context) ([]interference.Sample, error) {
	var samples []interference.Sample
	random := rand.New(rand.NewPCG(i.Seed, 1))
	for round := 1; round <= i.Rounds; round++ {
		occasions := [][]load.Spec{i.Specs} // all together, and each alone
		for _, spec := range i.Specs {
			occasions = append(occasions, []load.Spec{spec})
		}
		random.Shuffle(len(occasions), func(a, b int) { occasions[a], occasions[b] = occasions[b], occasions[a] })
		for _, specs := range occasions {
			got, err := i.measure(ctx, round, specs)
			if err != nil {
				return samples, err
			}
			samples = append(samples, got...)
		}
	}
	return samples, nil
}

// measure loads the models of specs at the same time. Every window lies within
// the load of all others: a model that is warm waits for the others before its
// window begins, and goes on after its end until theirs have ended.
func (i *Interference) measure(ctx context.Context, round int, specs []load.Spec) ([]interference.Sample, error) {
	var group sync.WaitGroup
	begin, end := newBarrier(len(specs)), newBarrier(len(specs))
	samples := make([]interference.Sample, len(specs))
	for k, spec := range specs {
		spec.Seed += uint64(round)
		spec.Boundary = func(ctx context.Context, at load.Phase) error {
			if at == load.WindowStart {
				return begin.wait(ctx, k)
			}
			return end.wait(ctx, k)
		}
		group.Go(func() {
			// One that ends, however, keeps nobody waiting.
			defer begin.arrive(k)
			defer end.arrive(k)
			samples[k] = i.sample(ctx, spec)
			samples[k].Round, samples[k].Together = round, len(specs) > 1
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, s := range samples {
		if i.Record != nil {
			i.Record(s)
		}
	}
	return samples, nil
}

func (i *Interference) sample(ctx context.Context, spec load.Spec) interference.Sample {
	s := interference.Sample{Model: spec.Model.Name, Load: spec.Load}
	transport, err := spec.Connect(i.Client.Address())
	if err == nil {
		defer transport.Close()
		var result load.Result
		if result, err = load.Run(ctx, transport, spec); err == nil {
			s.Client = result.Client()
			s.Verdict, s.Reasons = judge(result, result.Checks())
			return s
		}
	}
	s.Verdict, s.Reasons = results.Failed, []string{err.Error()}
	return s
}

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
