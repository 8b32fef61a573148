package docker

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestStats(t *testing.T) {
	for _, test := range []struct {
		name   string
		memory map[string]any
		want   Memory
		err    error
	}{
		{"control groups v1", map[string]any{"usage": 100, "limit": 400,
			"stats": map[string]any{"total_inactive_file": 30, "inactive_file": 10}}, Memory{70, 400}, nil},
		{"control groups v2", map[string]any{"usage": 100, "limit": 400,
			"stats": map[string]any{"inactive_file": 10}}, Memory{90, 400}, nil},
		{"cache above usage", map[string]any{"usage": 100, "limit": 400,
			"stats": map[string]any{"inactive_file": 200}}, Memory{100, 400}, nil},
		{"no details", map[string]any{"usage": 100, "limit": 400}, Memory{100, 400}, nil},
		{"stopped", map[string]any{}, Memory{}, ErrNotRunning},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, c := only(t, triton(idA, "a"))
			f.change(func() { f.memory = test.memory })
			got, err := c.Stats(context.Background())
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestSampleMemory(t *testing.T) {
	f, c := only(t, triton(idA, "a"))
	f.change(func() { f.memory = map[string]any{"usage": 50, "limit": 400} })
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan Peak, 1)
	go func() {
		p, err := c.SampleMemory(ctx, time.Millisecond)
		if err != nil {
			t.Error(err)
		}
		result <- p
	}()
	waitForRequests(t, f, 4)
	f.change(func() { f.memory = map[string]any{"usage": 90, "limit": 400} })
	waitForRequests(t, f, 3)
	f.change(func() { f.memory = map[string]any{"usage": 60, "limit": 400} })
	waitForRequests(t, f, 3)
	cancel()
	if p := <-result; p.Used != 90 || p.Limit != 400 || p.Samples < 8 {
		t.Errorf("peak %+v", p)
	}
}

// waitForRequests returns after n more requests.
func waitForRequests(t *testing.T, f *fakeEngine, n int) {
	t.Helper()
	target := len(f.recorded()) + n
	for deadline := time.Now().Add(10 * time.Second); len(f.recorded()) < target; {
		if time.Now().After(deadline) {
			t.Fatal("no more requests")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestSampleMemoryOfStopped(t *testing.T) {
	_, c := only(t, triton(idA, "a"))
	if _, err := c.SampleMemory(context.Background(), time.Hour); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.SampleMemory(ended, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("without a sample: %v", err)
	}
}
