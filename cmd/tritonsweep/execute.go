package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/report"
	"tritonsweep/runner"
	"tritonsweep/runner/load"
	"tritonsweep/runner/pipeline"
	"tritonsweep/sweep"
)

// planner makes the plan of a command for a target.
type planner func(c *cli.Context, target *target, o options) (sweep.Plan, error)

// runSweep is the action of the sweeps of one axis.
func runSweep(c *cli.Context, settings axis) error {
	return runPlanned(c, func(c *cli.Context, target *target, o options) (sweep.Plan, error) {
		return makePlan(c, target, o, settings)
	})
}

// runPlanned is what all sweeps do: find the target, plan, confirm, run, report.
func runPlanned(c *cli.Context, plans planner) (err error) {
	options, err := readOptions(c)
	if err != nil {
		return err
	}
	target, err := openTarget(c, options.mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()

	plan, err := plans(c, target, options)
	if err != nil {
		return err
	}
	return perform(c, target, plan, options)
}

// perform shows a plan, asks, and carries it out.
func perform(c *cli.Context, target *target, plan sweep.Plan, o options) (err error) {
	if o.pipeline == nil && o.data == nil { // a pipeline decides itself what the models are sent
		if o.data, err = target.inputs(c, o); err != nil {
			return err
		}
	}
	if plan, err = o.trace(c, target, plan); err != nil {
		return err
	}
	rest := o.resumed.rest(plan)
	printPlan(c.App.ErrWriter, rest, target, o)
	if o.pipeline != nil { // what it sends to the models is its own affair
		err = probePipeline(c, target, o)
	} else {
		err = errors.Join(preflight(c, target, plan, o), target.tryRegions(c, o.spec))
	}
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return writePlan(c, rest)
	}
	if err := errors.Join(checkOutput(c), c.Context.Err()); err != nil {
		return err
	}
	if err := confirm(c, target); err != nil {
		return err
	}
	return execute(c, target, plan, o)
}

// trace finds out what the points come from, before the first write, and returns
// the plan: that of the run which is resumed, if one is.
func (o *options) trace(c *cli.Context, target *target, plan sweep.Plan) (_ sweep.Plan, err error) {
	if o.origins, err = target.provenance(c, *o); err != nil {
		return plan, err
	}
	if o.resumed, err = target.resumption(c, o.origins); err != nil || o.resumed == nil {
		return plan, err
	}
	plan = o.resumed.run.Plan
	o.resumed.describe(c.App.ErrWriter, plan)
	return plan, nil
}

// options are the flags of a sweep, read and checked.
type options struct {
	mode   runner.Mode
	limit  results.Limit
	loads  []sweep.Load
	rounds int
	seed   uint64
	cost   sweep.Cost
	spec   load.Spec
	shapes shapes
	inputs []inputRule
	data   map[string]load.Data // what the inputs hold, by model, once the models are known
	format string
	// objective is the latency that throughput is weighed against; "" leaves it
	// to the report.
	objective string
	// memory is what the server's container may use under load.
	memory runner.MemoryCap
	// slowdown is how much longer the requests of others may take; 0 is whatever.
	slowdown float64
	// together tells that several models are loaded at the same time; weights, when
	// set, are their shares of common callers.
	together bool
	weights  map[string]int
	// pipeline, when set, takes the load in the place of the models.
	pipeline *pipeline.Request
	// budget is the time after which no new trial is begun; 0 is none.
	budget time.Duration
	// next, when set, thinks of trials after those of the plan, and notes why.
	next func(note func(string)) (sweep.Trial, bool)
	// origins is the provenance of each model's points, resumed what of an earlier
	// run is kept; nil for a run that begins.
	origins map[string]results.Environment
	resumed *resumption
	// record, when set, is told every record that was stored.
	record func(results.Record)
	// verdict, when set, decides about the exit code in the place of verdictOf.
	verdict func(runner.Outcome, results.Run, []results.Record) error
}

func readOptions(c *cli.Context) (options, error) {
	o := options{rounds: c.Int("rounds"), seed: readSeed(c)}
	var err error
	if o.mode, err = runner.ParseMode(c.String("mode")); err != nil {
		return o, usagef("--mode: %w", err)
	}
	if o.limit, err = readLimit(c); err != nil {
		return o, err
	}
	if o.format, err = readFormat(c); err != nil {
		return o, err
	}
	recorded, err := o.readLoads(c)
	if err != nil {
		return o, err
	}
	if err := checkMeasuring(c, "duration", "warmup", "request-timeout", "ready-timeout"); err != nil {
		return o, err
	}
	if o.spec, err = readSpec(c, o.seed); err != nil {
		return o, err
	}
	o.spec.Intervals = recorded
	if o.shapes, err = readShapes(c); err != nil {
		return o, err
	}
	if o.inputs, err = readInputs(c); err != nil {
		return o, err
	}
	if err := readObjective(c, &o); err != nil {
		return o, err
	}
	if o.memory, err = readMemoryCap(c); err != nil {
		return o, err
	}
	if o.slowdown = c.Float64("max-slowdown"); o.slowdown != 0 && !(o.slowdown > 1 && o.slowdown <= 1000) {
		return o, usagef("--max-slowdown: %g is not between 1 and 1000 (hint: 2, or 0 for whatever happens to others)", o.slowdown)
	}
	if o.budget, err = readBudget(c); err != nil {
		return o, err
	}
	if o.pipeline, err = readPipelineLoad(c); err != nil {
		return o, err
	}
	o.cost = sweep.Cost{Point: c.Duration("warmup") + o.spec.MaxDuration}
	o.cost.Final = o.cost.Point + o.spec.MaxDuration
	if o.mode != runner.None && !c.Bool("sim") {
		o.cost.Trial = usualRestart
	}
	return o, nil
}

// readSeed reads --seed, or draws one.
func readSeed(c *cli.Context) uint64 {
	if c.IsSet("seed") {
		return c.Uint64("seed")
	}
	return rand.Uint64N(1 << 48) // short enough to type, exact in JSON
}

// checkMeasuring checks times that measuring takes, and --precision.
func checkMeasuring(c *cli.Context, times ...string) error {
	for _, name := range times {
		if d := c.Duration(name); d <= 0 || d > 24*time.Hour {
			return usagef("--%s: %s is not between 0 and 24h", name, d)
		}
	}
	if p := c.Float64("precision"); p <= 0 || p >= 1 {
		return usagef("--precision: %g is not between 0 and 1 (hint: 0.05 for 5 %%)", p)
	}
	return nil
}

// shortestWindow is the least time that a point is measured, where --duration
// allows: below it an interval rests on too few batches.
const shortestWindow = time.Second

// usualRestart is the cost of a restart before one was seen: that of a Triton
// with several models.
const usualRestart = 12 * time.Second

func readLimit(c *cli.Context) (results.Limit, error) {
	var limit results.Limit
	for name, field := range map[string]*float64{"max-p99": &limit.P99, "max-p95": &limit.P95} {
		if !c.IsSet(name) {
			continue
		}
		d, err := time.ParseDuration(c.String(name))
		if err != nil || d <= 0 {
			return limit, usagef("--%s: %q is not a latency (hint: 20ms)", name, c.String(name))
		}
		*field = float64(d) / float64(time.Millisecond)
	}
	if text := c.String("max-gpu-memory"); text != "" {
		var err error
		if limit.GPUMemory, err = parseBytes(text); err != nil {
			return limit, usagef("--max-gpu-memory: %w", err)
		}
	}
	return limit, nil
}

func makePlan(c *cli.Context, target *target, o options, settings axis) (sweep.Plan, error) {
	var spaces []sweep.Space
	for _, model := range target.models {
		file := target.files[model]
		values, err := settings(c, file)
		if err != nil {
			return sweep.Plan{}, err
		}
		if o.mode == runner.None {
			values = onlyUntouched()
		}
		if values, err = target.allowed(model, values, len(target.models) > 1); err != nil {
			return sweep.Plan{}, err
		}
		if len(values) == 0 {
			continue
		}
		spaces = append(spaces, sweep.Space{Model: model, Settings: values, Loads: target.fitting(model, o.loads)})
	}
	if len(spaces) == 0 {
		return sweep.Plan{}, usagef("nothing is left to try")
	}
	plan, err := sweep.NewPlan(c.Command.Name, spaces, o.rounds, o.seed)
	return plan, withCode(exitUsage, err)
}

func printPlan(w io.Writer, plan sweep.Plan, target *target, o options) {
	fmt.Fprintf(w, "plan: %s of %s: %d trials in %d rounds, %d points, about %s (seed %d)\n",
		plan.Sweep, strings.Join(plan.Models(), ", "), len(plan.Trials), plan.Rounds, plan.Points(),
		round(plan.Estimate(0, o.cost)), plan.Seed)
	describeFinals(w, plan)
	if len(plan.Skipped) > 0 {
		fmt.Fprintln(w, "skip: some points cannot differ from others, or do not fit (--dry-run lists them with the reasons)")
	}
	fmt.Fprintf(w, "on:   %s\n", printable(target.describe()))
	if target.profileNote == nil {
		return
	}
	for _, model := range plan.Models() {
		if note := target.profileNote(model); note != "" {
			fmt.Fprintf(w, "note: %s: %s\n", printable(model), printable(note))
		}
	}
}

// confirm asks on a terminal before the first change. Elsewhere the caller
// named the target, which is consent enough.
func confirm(c *cli.Context, target *target) error {
	in, isFile := c.App.Reader.(*os.File)
	if c.Bool("yes") || target.harmless() || !isFile || !isTerminal(in) {
		return nil
	}
	fmt.Fprintf(c.App.ErrWriter, "%s Go ahead? [y/N] ", target.consequence(c.Command.Name))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case text := <-answer:
		if text == "y" || text == "yes" {
			return nil
		}
	case <-c.Context.Done():
	}
	return usagef("not confirmed; nothing was changed")
}

// execute runs the plan, keeps every record, and reports what there is, also
// after an interruption.
func execute(c *cli.Context, target *target, plan sweep.Plan, o options) error {
	watcher, err := listenMetrics(c)
	if err != nil {
		return err
	}
	defer watcher.close()
	// Results must be stored also after an interruption.
	durable := context.WithoutCancel(c.Context)
	info := newRun(c, target, plan, o)
	if o.resumed != nil {
		info.Resumes, info.Dropped = o.resumed.run.ID, o.resumed.dropped
	}
	store, err := createRun(durable, c.String("db"), info)
	if err != nil {
		return err
	}
	if err := o.resumed.carry(durable, store, info.ID); err != nil {
		return errors.Join(&runner.RecordError{Err: err}, store.Close())
	}
	rest := o.resumed.rest(plan)
	display := newProgress(c.App.ErrWriter, rest, o.cost)
	display.open = o.next != nil
	config := target.config(c, info, o)
	config.Plan, config.Models = rest, plan.Models()
	follow := newFinals(info, o, display)
	config.Next = follow.next
	if o.next != nil {
		config.Next = func() (sweep.Trial, bool) { return o.next(display.note) }
	}
	config.Record = func(r results.Record) error {
		stamp(&r, o.origins)
		r.Sequence += o.resumed.count()
		follow.record(r)
		if o.record != nil {
			o.record(r)
		}
		return store.Append(durable, r)
	}
	watch := watcher.watch(info, display.event)
	config.Progress = func(e runner.Event) {
		watch(e)
		onEvent(e)
	}
	config.Budget, config.MaxSlowdown = o.budget, o.slowdown
	config.SkipInert = c.Command.Name == specName && !c.Bool("measure-all")
	outcome, runErr := o.run(c.Context, config)
	display.close()

	err = o.judge(durable, store, info, outcome, runErr)
	info.Floors = report.Analyze(info, follow.records).Floors()
	err = endRun(c.Context, store, info, err)
	return errors.Join(err, writeReport(c, store, info.ID, o.format), store.Close())
}

// run carries the plan out, with the models one after another or at the same time.
func (o options) run(ctx context.Context, config runner.Config) (runner.Outcome, error) {
	if o.together {
		return runner.RunTogether(ctx, config, o.weights)
	}
	return runner.Run(ctx, config)
}

// onEvent is told every event of a run. Tests die in it.
var onEvent = func(runner.Event) {}

// judge turns an outcome into the error whose code the program exits with.
func (o options) judge(ctx context.Context, store *results.Store, run results.Run, outcome runner.Outcome, err error) error {
	if o.verdict == nil || err != nil {
		return verdictOf(outcome, err)
	}
	records, err := store.Records(ctx, run.ID)
	return errors.Join(err, o.verdict(outcome, run, records))
}

// verdictOf is the verdict of a sweep: what ended it, or what could not be measured.
func verdictOf(outcome runner.Outcome, err error) error {
	if err != nil {
		return err
	}
	if outcome.Unbegun > 0 {
		return withCode(exitSome, fmt.Errorf("the time budget was spent: %d trials were not begun (hint: the report holds what was measured)", outcome.Unbegun))
	}
	if bad := outcome.Bad(); bad > 0 {
		return withCode(exitSome, fmt.Errorf("%d points could not be measured in any round (records: %s; hint: the report says why)", bad, counts(outcome.Verdicts)))
	}
	return nil
}

func counts(verdicts map[results.Verdict]int) string {
	var parts []string
	for _, v := range []results.Verdict{results.Noisy, results.Unsteady, results.Void, results.Refused, results.Failed} {
		if n := verdicts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}
