package load

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
)

// refusal is a failure of some other protocol.
type refusal struct{ final bool }

func (refusal) Error() string { return "HTTP 503: come back later" }
func (refusal) Kind() string  { return "HTTP 503" }
func (r refusal) Final() bool { return r.final }

// texts answers every body with itself, after a while; some it refuses.
type texts struct {
	asked  atomic.Int64
	refuse func(n int64) error
}

func (x *texts) Infer(ctx context.Context, _ int, p *Payload, keep bool) (Answer, error) {
	if err := x.refuse(x.asked.Add(1)); err != nil {
		return Answer{}, err
	}
	sleep(ctx, time.Millisecond)
	a := Answer{Sent: time.Now(), Bytes: len(p.Bytes)}
	if keep {
		a.Body = p.Bytes
	}
	return a, ctx.Err()
}

func opaqueSpec(t *testing.T, check func([]byte) error) Spec {
	t.Helper()
	r, err := NewOpaqueRequest(Opaque{Name: "target face", Bodies: [][]byte{[]byte("one"), []byte("two")}, Check: check, About: "they are words"})
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		Request: r, Load: sweep.Load{Concurrency: 2, BatchSize: 1}, Shared: true,
		Warmup: 50 * time.Millisecond, MinDuration: 500 * time.Millisecond, MaxDuration: 500 * time.Millisecond,
	}
}

func TestOpaqueRequestsAreSentAndCounted(t *testing.T) {
	seen := map[string]bool{}
	spec := opaqueSpec(t, func(answer []byte) error { seen[string(answer)] = true; return nil })
	x := &texts{refuse: func(n int64) error {
		if n%5 == 0 {
			return refusal{}
		}
		return nil
	}}
	result, err := Run(t.Context(), x, spec)
	if err != nil {
		t.Fatal(err)
	}
	if result.Requests == 0 || result.Errors["HTTP 503"] == 0 || len(result.Errors) != 1 {
		t.Errorf("%d answers, errors %v", result.Requests, result.Errors)
	}
	if result.Verdict != results.Void || result.FirstText != "HTTP 503: come back later" {
		t.Errorf("a fifth of the requests failed: verdict %s, first %q", result.Verdict, result.FirstText)
	}
	if !seen["one"] {
		t.Errorf("checked answers: %v", seen)
	}
	for _, c := range result.Checks() {
		if c.Name == "answers" && !strings.HasSuffix(c.Detail, "was decoded: they are words") {
			t.Errorf("check %q says %q", c.Name, c.Detail)
		}
	}
}

func TestAFinalFailureStopsAtOnce(t *testing.T) {
	for _, test := range []struct {
		final bool
		asked int64
	}{{true, 1}, {false, probes}} {
		x := &texts{refuse: func(int64) error { return refusal{test.final} }}
		_, err := Run(t.Context(), x, opaqueSpec(t, func([]byte) error { return nil }))
		rejected, ok := errors.AsType[*RejectedError](err)
		if !ok || rejected.Tries != test.asked || x.asked.Load() != test.asked {
			t.Fatalf("final %v: asked %d times, error %v", test.final, x.asked.Load(), err)
		}
		if got := err.Error(); !strings.HasPrefix(got, "target face answered none of ") || !strings.HasSuffix(got, ": HTTP 503: come back later") {
			t.Errorf("error %q", got)
		}
		if !errors.Is(err, refusal{test.final}) {
			t.Errorf("the first error is not kept: %v", err)
		}
	}
}

func TestAWrongOpaqueAnswer(t *testing.T) {
	x := &texts{refuse: func(int64) error { return nil }}
	_, err := Run(t.Context(), x, opaqueSpec(t, func([]byte) error { return &AnswerError{"no word"} }))
	if err == nil || err.Error() != "target face: the answer is wrong: no word" {
		t.Errorf("error %v", err)
	}
	if _, err := NewOpaqueRequest(Opaque{Name: "x"}); err == nil {
		t.Error("a request without a body was accepted")
	}
}
