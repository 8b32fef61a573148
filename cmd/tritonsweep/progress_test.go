package main

import (
	"io"
	"testing"
	"time"

	"tritonsweep/runner"
	"tritonsweep/sweep"
)

// The time left counts the starts of the server: one that is over says nothing
// about points, and those that are to come are not forgotten.
func TestTimeLeft(t *testing.T) {
	loads := sweep.Closed([]int{1, 8, 32}, []int{1})
	plan := sweep.Plan{Trials: []sweep.Trial{{Loads: loads}, {Loads: loads[:1]}}}
	p := newProgress(io.Discard, plan, sweep.Cost{Trial: 12 * time.Second, Point: 2 * time.Second})
	defer p.close()
	for points, want := range map[int]struct {
		elapsed time.Duration
		left    string
	}{
		0: {time.Second, "?"},
		1: {14 * time.Second, "18s"}, // two points of 2 s, and a start with one
		3: {18 * time.Second, "14s"},
		4: {32 * time.Second, "0s"},
		2: {32 * time.Second, "32s"}, // twice as slow as thought
	} {
		p.last = runner.Event{Points: points}
		p.now = func() time.Time { return p.begin.Add(want.elapsed) }
		if got := p.left(); got != want.left {
			t.Errorf("%d points after %s: %s left, want %s", points, want.elapsed, got, want.left)
		}
	}
}
