package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tritonsweep/runner"
)

// The program that tests start (TestMain) obeys a hook: STEP:ACTION, where
// ACTION is say (print hookSays and wait a little), hold (print it and wait for a byte
// on standard input), records (print every record), panic (in a goroutine of its own)
// or kill (kill -9 of itself). STEP:ACTION:N obeys when the step is reached for the
// N-th time. Commas divide several.
const (
	hookEnv  = "TRITONSWEEP_TEST_HOOK"
	hookSays = "the hook was reached"
)

// changed is the step at which a config other than the original is measured.
const changed = "changed"

// bringingBack is the step at which a run waits for the server with its originals.
const bringingBack = "bringing back"

func arrived(e runner.Event, step string) bool {
	switch step {
	case changed:
		return e.Step == runner.Measuring && !e.Trial.Settings.IsZero()
	case bringingBack:
		return e.Step == runner.Starting && e.Trial.Model == ""
	}
	return string(e.Step) == step
}

// installHook is called in the processes that tests start.
func installHook() {
	var hooks []func(runner.Event)
	for text := range strings.SplitSeq(os.Getenv(hookEnv), ",") {
		if step, action, found := strings.Cut(text, ":"); found {
			hooks = append(hooks, hook(step, action))
		}
	}
	if len(hooks) == 0 {
		return
	}
	onEvent = func(e runner.Event) {
		for _, obey := range hooks {
			obey(e)
		}
	}
}

// hook returns what obeys one STEP:ACTION.
func hook(step, action string) func(runner.Event) {
	if action == "records" {
		return sayRecord
	}
	action, count, _ := strings.Cut(action, ":")
	left, err := strconv.Atoi(count)
	if err != nil {
		left = 1
	}
	return func(e runner.Event) {
		if !arrived(e, step) {
			return
		}
		if left--; left == 0 {
			act(action)
		}
	}
}

func act(action string) {
	switch action {
	case "say":
		fmt.Fprintln(os.Stderr, hookSays)
		time.Sleep(50 * time.Millisecond)
	case "hold":
		fmt.Fprintln(os.Stderr, hookSays)
		_, _ = os.Stdin.Read(make([]byte, 1)) // or the test is over
	case "panic":
		go panic("planned panic")
		time.Sleep(time.Minute)
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	}
}
