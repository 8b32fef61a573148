package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"tritonsweep/runner"
)

// The program that tests start (TestMain) obeys a hook: STEP:ACTION, where
// ACTION is say (print hookSays and wait a little), records (print every record), panic (in a goroutine of
// its own) or kill (kill -9 of itself).
const (
	hookEnv  = "TRITONSWEEP_TEST_HOOK"
	hookSays = "the hook was reached"
)

// changed is the step at which a config other than the original is measured.
const changed = "changed"

func arrived(e runner.Event, step string) bool {
	if step == changed {
		return e.Step == runner.Measuring && !e.Trial.Settings.IsZero()
	}
	return string(e.Step) == step
}

// installHook is called in the processes that tests start.
func installHook() {
	step, action, found := strings.Cut(os.Getenv(hookEnv), ":")
	if !found {
		return
	}
	if action == "records" {
		onEvent = sayRecord
		return
	}
	done := false
	onEvent = func(e runner.Event) {
		if done || !arrived(e, step) {
			return
		}
		done = true
		switch action {
		case "say":
			fmt.Fprintln(os.Stderr, hookSays)
			time.Sleep(50 * time.Millisecond)
		case "panic":
			go panic("planned panic")
			time.Sleep(time.Minute)
		case "kill":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Minute)
		}
	}
}
