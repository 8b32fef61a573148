package main

import (
	"context"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tritonsweep/results"
	"tritonsweep/results/forecast/forecasttest"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// scriptCommands has "measured FILE MODEL": a results file with one run of a
// model whose times are known.
func init() {
	scriptCommands["measured"] = func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: measured FILE MODEL")
		}
		ts.Check(writeMeasured(ts.MkAbs(args[0]), args[1]))
	}
}

func writeMeasured(file, model string) error {
	ctx := context.Background()
	store, err := results.Open(ctx, file)
	if err != nil {
		return err
	}
	defer store.Close()
	space := sweep.Space{Model: model, Settings: []tritonconfig.Settings{{}}, Loads: sweep.Closed([]int{1, 16, 64}, []int{1})}
	plan, err := sweep.NewPlan("instances", []sweep.Space{space}, 1, 1)
	if err != nil {
		return err
	}
	run := results.Run{ID: "20261126-120000-aaaa", Start: time.Unix(1.8e9, 0).UTC(), Plan: plan, Outcome: "done"}
	if err := store.CreateRun(ctx, run); err != nil {
		return err
	}
	for _, r := range forecasttest.Records(run.ID, model) {
		if err := store.Append(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
