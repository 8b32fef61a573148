package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/results/capacity"
	"tritonsweep/results/stats"
	"tritonsweep/runner"
	"tritonsweep/sweep"
	"tritonsweep/sweep/search"
)

func capacityCommand() *cli.Command {
	return &cli.Command{
		Name:  capacity.Name,
		Usage: "find the highest arrival rate at which a model stays within a limit",
		Description: "Offers Poisson arrivals at rates that a search thinks of, beginning near the\n" +
			"throughput of --concurrency callers, and brackets the highest one within the limit.\n" +
			"Changes no config, and unless --mode says so the server is not even restarted.\n" +
			"The exit code is 4 when no rate meets the limit, 3 when no bracket was found.",
		Flags: join(
			[]cli.Flag{
				maxP99Flag(), maxP95Flag(),
				&cli.StringFlag{Name: "max-error-rate", EnvVars: env("MAX_ERROR_RATE"), Usage: "affordable `SHARE` of failed requests, e.g. 0.1% (default: 1%)"},
				&cli.Float64Flag{Name: "start", EnvVars: env("START"), Usage: "`RATE` to begin with, requests a second, instead of measuring a closed loop"},
				&cli.Float64Flag{Name: "tolerance", EnvVars: env("TOLERANCE"), Value: 0.05, Usage: "relative width of the bracket at which the search ends"},
				&cli.IntFlag{Name: "max-points", EnvVars: env("MAX_POINTS"), Value: 40, Usage: "most measurements of the search"},
				seedFlag(), dryRunFlag(), yesFlag(), dbFlag(), outputFlag(), formatFlag(),
			},
			withDefault(targetFlags(), "mode", "none"), capacityLoadFlags(),
		),
		Action: findCapacity,
	}
}

// capacityLoadFlags leaves out what the search decides about.
func capacityLoadFlags() []cli.Flag {
	flags := slices.DeleteFunc(loadFlags("32"), func(f cli.Flag) bool {
		return slices.Contains([]string{"rate", "arrivals", "max-outstanding"}, f.Names()[0])
	})
	for _, f := range flags {
		if precision, ok := f.(*cli.Float64Flag); ok && precision.Name == "precision" {
			precision.Value = 0.1 // the search asks for more where it needs it
		}
	}
	return flags
}

// findCapacity is a plan of one closed loop, and of what the search adds to it.
func findCapacity(c *cli.Context) (err error) {
	o, err := readOptions(c)
	if err != nil {
		return err
	}
	hunt, err := o.prepareCapacity(c)
	if err != nil {
		return err
	}
	target, plan, err := o.planOne(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	plan.Search = &hunt.options
	if hunt.options.Start > 0 {
		plan.Trials = nil // nothing has to be measured to know where to begin
	}
	hunt.model = target.models[0]
	o.next, o.verdict = hunt.next, hunt.verdict
	o.record = hunt.record
	return perform(c, target, plan, o)
}

// hunt is a search for a capacity and what its points are measured by.
type hunt struct {
	options   search.Options
	search    *capacity.Search
	model     string
	batch     int
	precision float64
	duration  time.Duration // of the shortest look; 0: what the quantile needs
	quantile  float64
	last      float64 // the rate measured last
	err       error   // why there is no search
	failed    bool    // the last point could not be measured at all
}

func (o *options) prepareCapacity(c *cli.Context) (*hunt, error) {
	if len(o.loads) != 1 {
		return nil, usagef("capacity begins from one closed loop, not %d (hint: one --concurrency and one --client-batch)", len(o.loads))
	}
	var err error
	if o.limit.ErrorRate, err = readShare(c.String("max-error-rate")); err != nil {
		return nil, usagef("--max-error-rate: %w", err)
	}
	if o.limit == (results.Limit{}) {
		return nil, usagef("capacity needs a limit (hint: --max-p99 20ms)")
	}
	if start := c.Float64("start"); c.IsSet("start") {
		if err := (sweep.Load{Rate: start, BatchSize: 1}).Validate(); err != nil || start == 0 {
			return nil, usagef("--start: %g is not a rate of requests a second", start)
		}
	}
	if n := c.Int("max-points"); n < 1 || n > sweep.MaxPoints {
		return nil, usagef("--max-points: %d is not between 1 and %d", n, sweep.MaxPoints)
	}
	h := &hunt{
		options: search.Options{Start: c.Float64("start"), Tolerance: c.Float64("tolerance"), Points: c.Int("max-points")},
		batch:   o.loads[0].BatchSize, precision: o.spec.Precision, quantile: 0.95,
	}
	if c.IsSet("duration") {
		h.duration = o.spec.MaxDuration
	}
	if o.limit.P99 > 0 {
		h.quantile = 0.99
	}
	if h.search, err = capacity.Begin(h.options, o.limit); err != nil {
		return nil, usagef("--tolerance: %w", err)
	}
	o.rounds = 1
	return h, nil
}

// readShare reads 0.1% or 0.001; empty is 0.
func readShare(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share < 1) {
		return 0, fmt.Errorf("%q is not a share (hint: 0.1%% or 0.001)", text)
	}
	return share, nil
}

// record tells the search about a point.
func (h *hunt) record(r results.Record) {
	h.last, h.failed = r.Load.Rate, r.Verdict == results.Failed
	h.err = h.search.Add(r)
}

// next makes a trial of what the search asks for. Twice the length means half the
// variance, so that the precision asked for rises with it.
func (h *hunt) next(note func(string)) (sweep.Trial, bool) {
	for _, t := range h.search.Tried() {
		if t.Rate == h.last {
			note(fmt.Sprintf("%s/s %s", sweep.RateText(t.Rate), t.Standing))
		}
	}
	if h.failed || h.err != nil {
		return sweep.Trial{}, false
	}
	ask, round, more := h.search.Next()
	if !more {
		return sweep.Trial{}, false
	}
	return sweep.Trial{
		Round: round, Model: h.model,
		Loads:       []sweep.Load{{Rate: ask.Rate, Arrivals: sweep.Poisson, BatchSize: h.batch}},
		MaxDuration: time.Duration(ask.Length) * h.length(ask.Rate),
		Precision:   h.precision / math.Sqrt(float64(ask.Length)),
	}, true
}

// enoughSamples is how often the requests that a quantile needs at least are
// waited for: they depend on each other.
const enoughSamples = 3

// length is the longest that a first look may take.
func (h *hunt) length(rate float64) time.Duration {
	if h.duration > 0 {
		return h.duration
	}
	need := enoughSamples * float64(stats.MinimumRequests(h.quantile)) / rate
	return min(max(tailDuration, time.Duration(need*float64(time.Second))), 5*time.Minute)
}

// verdict tells by its exit code what was found.
func (h *hunt) verdict(outcome runner.Outcome, _ results.Run, _ []results.Record) error {
	b := h.search.Bracket()
	switch {
	case h.err != nil:
		return withCode(exitSome, fmt.Errorf("the search did not begin: %w", h.err))
	case h.failed:
		return withCode(exitSome, errors.New("a point could not be measured (hint: the report says why)"))
	case h.search.Start() == 0:
		return withCode(exitSome, errors.New("the closed loop from which the search begins could not be measured (hint: the report says why; --start RATE goes without)"))
	case b.Low == 0 && b.Bounded:
		return withCode(exitLimit, errors.New("no rate that was tried meets the limit"))
	case b.Low == 0 || !b.Bounded:
		return withCode(exitSome, errors.New("the capacity has no bracket (hint: the report says why)"))
	case !b.Confirmed:
		return withCode(exitSome, errors.New("the ends of the bracket were not confirmed (hint: more --max-points)"))
	}
	return nil
}
