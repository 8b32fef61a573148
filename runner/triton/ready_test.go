package triton

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// wait runs WaitReady in virtual time and returns how long it took.
func wait(t *testing.T, f *fakeServer, model string, limit time.Duration, w Wait, script func()) (took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if script != nil {
			go script()
		}
		start := time.Now()
		err = virtual(f).WaitReady(ctx, model, w)
		took = time.Since(start)
	})
	return took, err
}

func TestWaitReadyAtOnce(t *testing.T) {
	for _, model := range []string{"arcface", ""} {
		if took, err := wait(t, newFake(), model, time.Minute, Wait{}, nil); err != nil || took != 0 {
			t.Errorf("model %q: %v after %v", model, err, took)
		}
	}
}

// The stages of a start: refused, resets, live, loading, ready.
func TestWaitReadyThroughAStart(t *testing.T) {
	f := newFake()
	outage := status.Error(codes.Unavailable, "connection error: desc = \"transport: connection refused\"")
	f.before = func(context.Context, string) error { return outage }
	f.ready, f.models[0].State = false, StateLoading
	took, err := wait(t, f, "arcface", time.Minute, Wait{}, func() {
		time.Sleep(3 * time.Second)
		f.change(func() { f.before = nil })
		time.Sleep(2 * time.Second)
		f.change(func() { f.ready = true })
		time.Sleep(2 * time.Second)
		f.change(func() { f.models[0].State = StateReady })
	})
	if err != nil || took < 7*time.Second || took > 8*time.Second+100*time.Millisecond {
		t.Errorf("%v after %v", err, took)
	}
}

// A paused server accepts and hangs; each question has its own deadline, so
// that the answer after it wakes up is seen.
func TestWaitReadyOfHungServer(t *testing.T) {
	f := newFake()
	f.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	took, err := wait(t, f, "arcface", time.Minute, Wait{}, func() {
		time.Sleep(10 * time.Second)
		f.change(func() { f.before = nil })
	})
	if err != nil || took < 10*time.Second || took > 13*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	f.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	took, err = wait(t, f, "arcface", 30*time.Second, Wait{}, nil)
	if !errors.Is(err, context.DeadlineExceeded) || took != 30*time.Second || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("%v after %v", err, took)
	}
}

func TestWaitReadyStopped(t *testing.T) {
	f := newFake()
	f.live = false
	exit := errors.New("container a exited with code 1")
	rounds := 0
	took, err := wait(t, f, "arcface", time.Minute, Wait{Stopped: func() error {
		if rounds++; rounds == 4 {
			return exit
		}
		return nil
	}}, nil)
	if !errors.Is(err, exit) || took > time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

func TestWaitReadyGivesUp(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*fakeServer)
		model  string
		err    error
		says   string
		within time.Duration
	}{
		{"unknown model", func(*fakeServer) {}, "arcfase", ErrUnknownModel, "did you mean arcface?", time.Second},
		{"refused by its file", func(f *fakeServer) { f.models[0].State = "" }, "arcface", ErrUnavailable, "not loaded", time.Second},
		{"failed", func(f *fakeServer) { f.models[0].State, f.models[0].Reason = StateUnavailable, "no GPU" }, "arcface", ErrUnavailable, "no GPU", time.Second},
		{"restricted", func(f *fakeServer) {
			f.before = func(context.Context, string) error {
				return status.Error(codes.Unavailable, "This protocol is restricted, expecting header 'k'")
			}
		}, "arcface", ErrRestricted, "'k'", 0},
		{"never ready", func(f *fakeServer) { f.ready = false }, "arcface", context.DeadlineExceeded, "the server is not ready", time.Minute},
		{"loads for ever", func(f *fakeServer) { f.models[0].State = StateLoading }, "arcface", context.DeadlineExceeded, "loading", time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake()
			test.change(f)
			took, err := wait(t, f, test.model, time.Minute, Wait{}, nil)
			if !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.says) || took > test.within {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

// A model between two states for one round is not given up.
func TestWaitReadyForgivesAMoment(t *testing.T) {
	f := newFake()
	f.models[0].State = ""
	_, err := wait(t, f, "arcface", time.Minute, Wait{}, func() {
		time.Sleep(60 * time.Millisecond)
		f.change(func() { f.models[0].State = StateLoading })
		time.Sleep(time.Second)
		f.change(func() { f.models[0].State = StateReady })
	})
	if err != nil {
		t.Error(err)
	}
}

// Asking gets rarer: a minute's wait is about a hundred rounds, not a thousand.
func TestWaitReadyBacksOff(t *testing.T) {
	f := newFake()
	f.live = false
	wait(t, f, "", time.Minute, Wait{}, nil)
	if n := len(f.calls); n < 50 || n > 80 {
		t.Errorf("%d calls", n)
	}
}
