package load

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tritonsweep/results"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestErrorsAreData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(0)
		f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
			if n%10 == 9 {
				return time.Millisecond, status.Error(codes.ResourceExhausted, "queue full")
			}
			return 20 * time.Millisecond, nil
		}
		r := mustRun(t, f, quickSpec(4))
		share := float64(r.Failures()) / float64(r.Failures()+r.Requests)
		if math.Abs(share-0.1) > 0.01 || r.Errors["ResourceExhausted"] != r.Failures() {
			t.Errorf("errors %v of %d, want a tenth", r.Errors, r.Requests)
		}
		if r.Histogram.Min() < 20*time.Millisecond {
			t.Errorf("a failed call entered the latencies: %v", r.Histogram.Min())
		}
		if r.Verdict != results.Void || !strings.Contains(strings.Join(r.Reasons, " "), "errors: ") {
			t.Errorf("verdict %s %v", r.Verdict, r.Reasons)
		}
		if r.FirstText != "ResourceExhausted: queue full" {
			t.Errorf("first error %q", r.FirstText)
		}
		for _, c := range r.Checks() {
			if c.Name == "little" && !c.Passed {
				t.Errorf("failed calls occupy callers too: %s", c.Detail)
			}
		}
	})
}

func TestFewErrorsAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(0)
		f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
			if n%500 == 499 {
				return time.Millisecond, status.Error(codes.Unavailable, "")
			}
			return 10 * time.Millisecond, nil
		}
		r := mustRun(t, f, quickSpec(4))
		if r.Verdict != results.Noisy || len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0], "failed") {
			t.Errorf("verdict %s %v", r.Verdict, r.Reasons)
		}
	})
}

func TestRefusedFromTheStart(t *testing.T) {
	for _, code := range []codes.Code{codes.InvalidArgument, codes.Unavailable} {
		synctest.Test(t, func(t *testing.T) {
			f := fixed(0)
			f.serve = func(context.Context, int64, int) (time.Duration, error) {
				return 0, status.Error(code, "unexpected shape for input 'in'")
			}
			_, err := Run(t.Context(), f, quickSpec(4))
			var rejected *RejectedError
			if !errors.As(err, &rejected) || !strings.Contains(err.Error(), "unexpected shape for input 'in'") || !strings.Contains(err.Error(), code.String()) {
				t.Errorf("error %v, want the server's message", err)
			}
		})
	}
}

// TestRefusedUnderLoad: the probe is answered, the load is not.
func TestRefusedUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(0)
		f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
			if n == 0 {
				return time.Millisecond, nil
			}
			return 0, status.Error(codes.ResourceExhausted, "no more than one")
		}
		begin := time.Now()
		_, err := Run(t.Context(), f, quickSpec(4))
		var rejected *RejectedError
		if !errors.As(err, &rejected) || rejected.Tries < 16 || time.Since(begin) > 5*time.Second {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
	})
}

// TestHung: a server that never answers ends the run in bounded time, whether it
// hangs from the start or later.
func TestHung(t *testing.T) {
	for _, after := range []int64{0, 1, 1000} {
		synctest.Test(t, func(t *testing.T) {
			f := fixed(0)
			f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
				if n >= after {
					return time.Hour, nil
				}
				return 10 * time.Millisecond, nil
			}
			spec := quickSpec(4)
			spec.Timeout, spec.MaxDuration = 5*time.Second, 10*time.Second
			begin := time.Now()
			r, err := Run(t.Context(), f, spec)
			if d := time.Since(begin); d > 45*time.Second {
				t.Errorf("hung after %d: took %v", after, d)
			}
			if after < 1000 {
				var rejected *RejectedError
				if !errors.As(err, &rejected) || !strings.Contains(err.Error(), "DeadlineExceeded") {
					t.Errorf("hung after %d: error %v", after, err)
				}
			} else if err != nil || r.Verdict != results.Void || r.Errors["DeadlineExceeded"] == 0 {
				t.Errorf("hung after %d: error %v, verdict %s, errors %v", after, err, r.Verdict, r.Errors)
			}
		})
	}
}

// TestInterrupted: whenever ctx ends, Run returns its cause at once.
func TestInterrupted(t *testing.T) {
	for _, at := range []time.Duration{5 * time.Millisecond, 500 * time.Millisecond, 2500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			cause := errors.New("somebody pressed a key")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(at, func() { cancel(cause) })
			begin := time.Now()
			_, err := Run(ctx, fixed(20*time.Millisecond), quickSpec(4))
			if !errors.Is(err, cause) || time.Since(begin) > at+time.Millisecond {
				t.Errorf("interrupted after %v: error %v after %v", at, err, time.Since(begin))
			}
		})
	}
}

func TestBoundaryFails(t *testing.T) {
	for _, at := range []Phase{WindowStart, WindowEnd} {
		synctest.Test(t, func(t *testing.T) {
			broken := errors.New("statistics are gone")
			spec := quickSpec(2)
			spec.Boundary = func(_ context.Context, phase Phase) error {
				if phase == at {
					return broken
				}
				return nil
			}
			_, err := Run(t.Context(), fixed(time.Millisecond), spec)
			if !errors.Is(err, broken) || !strings.Contains(err.Error(), at.String()) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestWrongAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(10 * time.Millisecond)
		other := testModel()
		other.Outputs[0].Datatype = "FP64"
		f.body = answerTo(other, 1)
		_, err := Run(t.Context(), f, quickSpec(2))
		var wrong *AnswerError
		if !errors.As(err, &wrong) {
			t.Errorf("error %v, want an AnswerError", err)
		}
	})
}

// TestAnswerTurnsWrong: the probe's answer is right, a later one is not.
func TestAnswerTurnsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed(0)
		f.serve = func(_ context.Context, n int64, _ int) (time.Duration, error) {
			if n == 1000 {
				other := testModel()
				other.Name = "somebody else"
				f.body = answerTo(other, 1)
			}
			return time.Millisecond, nil
		}
		r := mustRun(t, f, quickSpec(1))
		if r.Verdict != results.Void || !strings.Contains(strings.Join(r.Reasons, " "), "somebody else") {
			t.Errorf("verdict %s %v", r.Verdict, r.Reasons)
		}
	})
}
