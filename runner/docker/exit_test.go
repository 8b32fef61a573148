package docker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestEnded(t *testing.T) {
	start := State{Running: true, Status: "running", StartedAt: noon}
	dead := func(code int, oom bool) State {
		return State{Status: "exited", ExitCode: code, OOMKilled: oom, StartedAt: noon}
	}
	for _, test := range []struct {
		name string
		now  State
		want string // empty: still running
	}{
		{"running", start, ""},
		{"paused", State{Running: true, Paused: true, Status: "paused", StartedAt: noon}, ""},
		{"refused config", dead(1, false), "exited with code 1"},
		{"clean end", dead(0, false), "exited with code 0"},
		{"out of memory", dead(137, true), "for lack of memory (OOMKilled)"},
		{"killed", dead(137, false), "not for lack of memory"},
		{"segmentation fault", dead(139, false), "SIGSEGV"},
		{"abort", dead(134, false), "SIGABRT"},
		{"terminated", dead(143, false), "signal 15"},
		{"crash loop", State{Running: true, Restarting: true, Status: "restarting", ExitCode: 1, RestartCount: 3, StartedAt: noon.Add(time.Second)},
			"exited with code 1; starts by its restart policy since: 3"},
		{"crash loop, up again", State{Running: true, Status: "running", RestartCount: 1, StartedAt: noon.Add(time.Second)},
			"was restarted meanwhile; starts by its restart policy since: 1"},
		{"restarted by somebody", State{Running: true, Status: "running", StartedAt: noon.Add(time.Second)}, "was restarted meanwhile"},
		{"Engine's reason", State{Status: "exited", ExitCode: 128, Error: "no device", StartedAt: noon}, "code 128: no device"},
	} {
		err := (&Container{Name: "a"}).Ended(start, test.now)
		var exit *ExitError
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (!errors.As(err, &exit) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v does not say %q", test.name, err, test.want)
		}
	}
}

func TestWatchExit(t *testing.T) {
	fake := triton(idA, "a")
	f, c := only(t, fake)
	start, err := c.Inspect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- c.WatchExit(context.Background(), start) }()
	// An event without an end, for example a health check that we did not filter.
	f.emit(map[string]any{"Type": "container", "Action": "kill"})
	f.change(func() { fake.State = exited(137, true) })
	f.emit(map[string]any{"Type": "container", "Action": "die"})
	var exit *ExitError
	if err := <-result; !errors.As(err, &exit) || !exit.OOMKilled || exit.ExitCode != 137 {
		t.Errorf("got %v", err)
	}
}

func TestWatchExitEnds(t *testing.T) {
	f, c := only(t, triton(idA, "a"))
	start, _ := c.Inspect(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := c.WatchExit(ctx, start); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	f.emit(nil) // the daemon closes the stream
	if err := c.WatchExit(context.Background(), start); !errors.Is(err, ErrUnreachable) {
		t.Errorf("closed stream: %v", err)
	}
}

func TestEvents(t *testing.T) {
	f, c := only(t, triton(idA, "a"))
	f.emit(map[string]any{"Type": "container", "Action": "die", "timeNano": noon.UnixNano(),
		"Actor": map[string]any{"ID": idA, "Attributes": map[string]string{"exitCode": "1", "label": canary}}})
	f.emit(map[string]any{"Type": "container", "Action": "start", "timeNano": noon.Add(time.Second).UnixNano()})
	f.emit(nil)
	var got []Event
	var last error
	for e, err := range c.Events(context.Background(), noon) {
		if last = err; err == nil {
			got = append(got, e)
		}
	}
	if len(got) != 2 || got[0].Action != "die" || got[0].ExitCode != 1 || !got[0].Time.Equal(noon) ||
		got[1].Action != "start" || got[1].ExitCode != -1 {
		t.Errorf("events %+v", got)
	}
	if !errors.Is(last, ErrUnreachable) {
		t.Errorf("the end of the stream is %v", last)
	}
}
