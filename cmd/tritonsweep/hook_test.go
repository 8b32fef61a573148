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
// ACTION is say (print hookSays and wait a little), records (print every record), panic (in a goroutine of
// its own) or kill (kill -9 of itself). STEP:ACTION:N obeys when the step is
// reached for the N-th time.
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
	step, action, found := strings.Cut(os.Getenv(hookEnv), ":")
	if !found {
		return
	}
	if action == "records" {
		onEvent = sayRecord
		return
	}
	action, count, _ := strings.Cut(action, ":")
	left, err := strconv.Atoi(count)
	if err != nil {
		left = 1
	}
	onEvent = func(e runner.Event) {
		if !arrived(e, step) {
			return
		}
		if left--; left != 0 {
			return
		}
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
