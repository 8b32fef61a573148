package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/sweep"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// together runs the models of a mix at the same time, as runner does: no window ends
// before all have begun, and no load before all windows have ended.
func together(t *testing.T, specs []Spec, transports []Transport) ([]Result, []error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	begin, end := newGate(len(specs)), newGate(len(specs))
	var group sync.WaitGroup
	results, errs := make([]Result, len(specs)), make([]error, len(specs))
	for i, spec := range specs {
		spec.Boundary = func(ctx context.Context, at Phase) error {
			if at == WindowEnd {
				return end.pass(ctx)
			}
			return begin.pass(ctx)
		}
		group.Go(func() {
			if results[i], errs[i] = Run(ctx, transports[i], spec); errs[i] != nil {
				cancel(fmt.Errorf("model %d of the mix: %w", i, errs[i]))
			}
		})
	}
	group.Wait()
	return results, errs
}

// gate opens when all have come.
type gate struct {
	missing atomic.Int64
	open    chan struct{}
}

func newGate(parties int) *gate {
	g := &gate{open: make(chan struct{})}
	g.missing.Store(int64(parties))
	return g
}

func (g *gate) pass(ctx context.Context) error {
	if g.missing.Add(-1) == 0 {
		close(g.open)
	}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// TestMixKeepsItsProportions: a fast and a slow model share callers. Each has the
// requests that its weight gives it and the latency of its own, and Little's law
// holds for each although nobody knows beforehand how many callers it has.
func TestMixKeepsItsProportions(t *testing.T) {
	transports := []Transport{fixed(2 * time.Millisecond), fixed(10 * time.Millisecond)}
	weights := []int{3, 1}
	mix := NewMix(6, weights, 1)
	var specs []Spec
	for i := range weights {
		spec := quickSpec(6)
		spec.Load.Share = float64(weights[i]) / 4
		spec.Mix, spec.Shared = mix.Member(i), true
		spec.Warmup, spec.MinDuration, spec.MaxDuration = 200*time.Millisecond, time.Second, time.Second
		specs = append(specs, spec)
	}
	results, errs := together(t, specs, transports)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	a, b := results[0], results[1]
	if ratio := float64(a.Requests) / float64(b.Requests); math.Abs(ratio/3-1) > 0.1 {
		t.Errorf("%d and %d requests, want 3 to 1", a.Requests, b.Requests)
	}
	if a.Histogram.Quantile(0.1) < 2*time.Millisecond || b.Histogram.Quantile(0.1) < 10*time.Millisecond || a.Histogram.Quantile(0.1) >= b.Histogram.Quantile(0.1) {
		t.Errorf("latencies %v and %v", a.Histogram.Quantile(0.1), b.Histogram.Quantile(0.1))
	}
	if under := a.Flow.Underway + b.Flow.Underway; under > 6.01 {
		t.Errorf("%.2f requests under way, of 6 callers", under)
	}
	for _, r := range results {
		if r.Client().Arrivals != nil {
			t.Error("a closed loop has no arrivals")
		}
		for _, c := range r.Checks() {
			if c.Name == "little" && !c.Passed {
				t.Errorf("%+v", c)
			}
		}
	}
}

// TestMixEndsWithAModel: when a model of a mix cannot be measured the others end,
// whoever came first.
func TestMixEndsWithAModel(t *testing.T) {
	refusing := dialTest(t, serve(t, &server{infer: func(context.Context, *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		return nil, status.Error(codes.NotFound, "no such model")
	}}), 2)
	mix := NewMix(2, []int{1, 1}, 1)
	var specs []Spec
	for i := range 2 {
		spec := quickSpec(2)
		spec.Mix, spec.Load.Share = mix.Member(i), 0.5
		specs = append(specs, spec)
	}
	_, errs := together(t, specs, []Transport{refusing, fixed(time.Millisecond)})
	if rejected, ok := errors.AsType[*RejectedError](errs[0]); !ok {
		t.Errorf("error %v, %v", errs[0], rejected)
	}
	if errs[1] == nil || !strings.Contains(errs[1].Error(), "model 0 of the mix") {
		t.Errorf("the other: %v", errs[1])
	}
}

// TestMixDeck: every turn of the deck holds every model as often as its weight says,
// in an order of its own.
func TestMixDeck(t *testing.T) {
	mix := NewMix(1, []int{5, 2, 1}, 3)
	for i := range mix.members {
		mix.members[i] = &caller{spec: Spec{Load: sweep.Load{Concurrency: i}}}
	}
	orders := map[string]bool{}
	for range 20 {
		count, order := map[int]int{}, ""
		for range 8 {
			model := mix.draw().spec.Load.Concurrency
			count[model]++
			order += fmt.Sprint(model)
		}
		if count[0] != 5 || count[1] != 2 || count[2] != 1 {
			t.Fatalf("a turn of %v", count)
		}
		orders[order] = true
	}
	if len(orders) < 10 {
		t.Errorf("only %d orders in 20 turns", len(orders))
	}
}
