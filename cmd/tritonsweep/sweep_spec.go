package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner"
	"tritonsweep/sweep"
	"tritonsweep/sweep/batcher"
	"tritonsweep/sweep/inert"
	"tritonsweep/sweep/spec"
	"tritonsweep/tritonconfig"
)

// specName is the command that leaves out inert points.
const specName = "sweep"

func specCommand() *cli.Command {
	return &cli.Command{
		Name:  specName,
		Usage: "sweep several settings of several models, as a spec file says",
		Description: "The spec names models, settings, loads, limits and a budget; tritonsweep init writes\n" +
			"one from a running server. Flags win over the spec. Points whose settings cannot\n" +
			"differ from others are left out, with the reason: before the sweep by the batcher's rules,\n" +
			"during it by what the measured ones prove. --measure-all measures them too.",
		Flags: join([]cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, EnvVars: env("FILE"), Usage: "the spec, a YAML `FILE`"},
			&cli.BoolFlag{Name: "measure-all", EnvVars: env("MEASURE_ALL"), Usage: "measure points that cannot differ from others, too"},
		}, targetFlags(), loadFlags("1,8,32"), planFlags(), metricsFlags(), []cli.Flag{pipelineLoadFlag()}),
		Action: runSpec,
	}
}

func runSpec(c *cli.Context) error {
	s, err := openSpec(c)
	if err != nil {
		return err
	}
	if err := specFlags(c, s); err != nil {
		return err
	}
	return runPlanned(c, func(c *cli.Context, t *target, o options) (sweep.Plan, error) {
		return planSpec(c, s, t, o)
	})
}

// openSpec reads the file that --file names.
func openSpec(c *cli.Context) (*spec.Spec, error) {
	name := c.String("file")
	if name == "" {
		return nil, usagef("no spec is named (hint: tritonsweep sweep -f spec.yaml; tritonsweep init writes one)")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usagef("--file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, spec.MaxBytes+1))
	if err != nil {
		return nil, usagef("--file: %w", err)
	}
	s, err := spec.Read(name, data)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	return s, nil
}

// specFlags gives the flags that nobody set the values of the spec, so that all
// that follows reads one place.
func specFlags(c *cli.Context, s *spec.Spec) error {
	for _, name := range c.StringSlice("model") {
		if !slices.Contains(s.Names(), name) {
			return usagef("--model: %q is not in %s%s", name, c.String("file"), didYouMean(name, s.Names()))
		}
	}
	values := [][2]string{
		{"model", strings.Join(s.Names(), ",")}, {"mode", s.Mode},
		{"max-p95", duration(s.Limits.P95)}, {"max-p99", duration(s.Limits.P99)},
		{"duration", duration(s.Measure.Duration)}, {"warmup", duration(s.Measure.Warmup)},
		{"input", s.Measure.Input}, {"objective", s.Objective}, {"max-gpu-memory", s.Limits.GPUMemory}, {"time-budget", duration(s.Budget.Time)},
		{"rounds", positive(s.Rounds)}, {"seed", positive(s.Seed)}, {"precision", positive(s.Measure.Precision)},
	}
	for _, m := range s.Models {
		for input, dims := range m.Shapes {
			values = append(values, [2]string{"shape", m.Name + "/" + input + ":" + dims})
		}
		for input, source := range m.Inputs {
			values = append(values, [2]string{inputName, m.Name + "/" + input + "=" + string(source)})
		}
	}
	given := map[string]bool{}
	for _, v := range values {
		given[v[0]] = given[v[0]] || c.IsSet(v[0])
	}
	for _, v := range values {
		if v[1] == "" || given[v[0]] || c.IsSet("pipeline") && (v[0] == "input" || v[0] == "shape") {
			continue
		}
		if err := c.Set(v[0], v[1]); err != nil {
			return usagef("%s: %s: %w", c.String("file"), v[0], err)
		}
	}
	return nil
}

func duration(d spec.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func positive[T int | uint64 | float64](n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// planSpec makes the plan of a spec: its spaces, without what cannot be and what
// cannot differ.
func planSpec(c *cli.Context, s *spec.Spec, t *target, o options) (sweep.Plan, error) {
	var spaces []sweep.Space
	var unfit []sweep.Skip
	for _, model := range t.models {
		space, err := s.Space(model, o.loads, sweep.MaxPoints/o.rounds)
		if err != nil {
			return sweep.Plan{}, withCode(exitUsage, err)
		}
		if slices.ContainsFunc([]string{"concurrency", "client-batch", "rate", "arrivals"}, c.IsSet) {
			space.Loads = o.loads
		}
		if o.mode == runner.None {
			space.Settings = onlyUntouched()
		}
		var left []sweep.Skip
		space.Settings, left = t.fit(model, space.Settings)
		unfit = append(unfit, left...)
		space.Loads = t.fitting(model, space.Loads)
		if o.pipeline != nil && slices.ContainsFunc(space.Loads, func(l sweep.Load) bool { return l.BatchSize > 1 }) {
			return sweep.Plan{}, usagef("%s: client_batch: the pipeline decides what the models are sent (hint: leave it out, or --pipeline)", c.String("file"))
		}
		if !c.Bool("measure-all") && o.pipeline == nil { // what the models are sent, only the API knows
			finder, err := t.finder(model, space.Settings, o.shapes)
			if err != nil {
				return sweep.Plan{}, err
			}
			space.Skip = finder.Skip
		}
		if len(space.Settings) > 0 {
			spaces = append(spaces, space)
		}
	}
	if len(spaces) == 0 {
		return sweep.Plan{}, usagef("nothing is left to try")
	}
	plan, err := sweep.NewPlan(c.Command.Name, spaces, o.rounds, o.seed)
	if err != nil {
		return plan, withCode(exitUsage, err)
	}
	plan.Skipped = append(unfit, plan.Skipped...)
	if most := s.Budget.Points; most > 0 && plan.Points() > most {
		return plan, usagef("%s: the plan has %d points, the budget allows %d (hint: shorter lists, fewer rounds, or a larger budget.points)",
			c.String("file"), plan.Points(), most)
	}
	return plan, nil
}

// fit parts the settings that the model can take from those that it cannot.
func (t *target) fit(model string, settings []tritonconfig.Settings) (fit []tritonconfig.Settings, unfit []sweep.Skip) {
	file := t.files[model]
	if file == nil {
		return settings, nil
	}
	for _, s := range settings {
		if err := file.Validate(s); err != nil {
			unfit = append(unfit, sweep.Skip{Model: model, Settings: s, Reason: "does not fit the model: " + err.Error()})
		} else {
			fit = append(fit, s)
		}
	}
	return fit, unfit
}

// finder returns what finds inert points of a model. Its simulation needs the
// model's service times, which a profile.json beside the config holds.
func (t *target) finder(model string, settings []tritonconfig.Settings, given shapes) (*inert.Finder, error) {
	bytes, varying := itemSize(t.configs[model], given, model)
	m := inert.Model{Config: batcher.ConfigOf(t.configs[model], 1), ItemBytes: bytes}
	profile, err := t.profile(model)
	if err != nil {
		return nil, err
	}
	if profile != nil {
		scaled, err := profile.Slower(profile.Scale(varying))
		if err != nil {
			return nil, err
		}
		service := scaled.Service(variation)
		m.Service = &service
	}
	return inert.New(m, settings), nil
}

// itemSize returns the bytes of the inputs of one item, where texts count as
// empty, and the number of elements in the inputs that vary, 0 without any.
func itemSize(config *tritonpb.ModelConfig, given shapes, model string) (bytes int64, varying float64) {
	for _, in := range config.GetInput() {
		dims, varies := fill(in.GetDims())
		for _, name := range []string{"", model} {
			if asked := given[name][in.GetName()]; asked != nil {
				dims, varies = asked, true
			}
		}
		elements := int64(1)
		for _, d := range dims {
			elements *= d
		}
		bytes += elements * elementBytes[in.GetDataType()]
		if varies {
			varying += float64(elements)
		}
	}
	return bytes, varying
}

var elementBytes = map[tritonpb.DataType]int64{
	tritonpb.DataType_TYPE_BOOL: 1, tritonpb.DataType_TYPE_INT8: 1, tritonpb.DataType_TYPE_UINT8: 1,
	tritonpb.DataType_TYPE_INT16: 2, tritonpb.DataType_TYPE_UINT16: 2, tritonpb.DataType_TYPE_FP16: 2, tritonpb.DataType_TYPE_BF16: 2,
	tritonpb.DataType_TYPE_INT32: 4, tritonpb.DataType_TYPE_UINT32: 4, tritonpb.DataType_TYPE_FP32: 4,
	tritonpb.DataType_TYPE_INT64: 8, tritonpb.DataType_TYPE_UINT64: 8, tritonpb.DataType_TYPE_FP64: 8,
}

// profile reads a model's service times, nil where there are none.
func (t *target) profile(model string) (*batcher.Profile, error) {
	if t.repository == nil {
		return nil, nil
	}
	f, err := t.repository.Root().Open(path.Join(model, "profile.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	profile, err := batcher.ParseProfile(f.Name(), data)
	return profile, withCode(exitUsage, err)
}

// objectives are the latencies that throughput can be weighed against.
var objectives = map[string]float64{"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}

// readObjective reads --objective; a point is measured until that quantile is
// as precise as asked.
func readObjective(c *cli.Context, o *options) error {
	name := c.String("objective")
	if name == "" {
		return nil
	}
	quantile, known := objectives[name]
	if !known {
		return usagef("--objective: unknown quantile %q%s", name, didYouMean(name, slices.Sorted(maps.Keys(objectives))))
	}
	o.objective = name
	if quantile > o.spec.Quantile {
		o.spec.Quantile = quantile
	}
	if quantile == 0.99 && !c.IsSet("duration") {
		o.spec.MaxDuration = max(o.spec.MaxDuration, tailDuration)
	}
	return nil
}

// readBudget reads the time after which no new trial is begun.
func readBudget(c *cli.Context) (time.Duration, error) {
	if d := c.Duration("time-budget"); d < 0 || c.IsSet("time-budget") && d == 0 {
		return 0, usagef("--time-budget: %s is not a time that a sweep can take", d)
	}
	return c.Duration("time-budget"), nil
}
