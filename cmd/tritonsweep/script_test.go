package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tritonsweep": func() {
			installHook()
			os.Exit(run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// scriptCommands are what our scripts can do beyond testscript's own commands.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits": exits,
}

// exits runs a program and demands its exit code: exits 10 tritonsweep ...
// Several allowed codes are divided by commas. Standard output and error can be
// matched after it, as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// environment keeps a script away from the person's own files and containers.
func environment(e *testscript.Env) error {
	for _, name := range []string{"PATH"} {
		e.Setenv(name, os.Getenv(name))
	}
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("TRITONSWEEP_STATE", e.WorkDir+"/state")
	e.Setenv("DOCKER_HOST", "unix://"+e.WorkDir+"/no-docker.sock")
	return nil
}

// TestScripts runs every command as a person would, with its misuses. None of
// these needs a server; those that do are in testdata/real.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: environment, Cmds: scriptCommands, RequireExplicitExec: true,
	})
}
