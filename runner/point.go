package runner

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/results"
	"tritonsweep/results/stall"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// point measures a trial under one load, and once more when a validity rule
// failed or no steady state was reached: a neighbour's burst of work passes.
// Only an interruption is an error; everything else is a verdict.
func (r *run) point(ctx context.Context, t sweep.Trial, l sweep.Load) (results.Record, error) {
	return r.twice(ctx, func() results.Record { return r.measure(ctx, t, l) })
}

// twice measures a point, and once more when its figures cannot be used.
func (r *run) twice(ctx context.Context, measure func() results.Record) (results.Record, error) {
	record := measure()
	if mayPass(record) && r.foreign == nil && r.hurt == nil && ctx.Err() == nil {
		first := strings.Join(record.Reasons, "; ")
		record = measure()
		record.Reasons = append(record.Reasons, "measured again; first time: "+first)
	}
	return record, ctx.Err()
}

// mayPass tells that what spoilt a record may be over. An overload is not: it
// comes from the load itself.
func mayPass(record results.Record) bool {
	if a := record.Client.Arrivals; a != nil && a.Overloaded && record.Verdict == results.Unsteady {
		return false
	}
	return record.Verdict == results.Void || record.Verdict == results.Unsteady
}

func (r *run) measure(ctx context.Context, t sweep.Trial, l sweep.Load) results.Record {
	record := r.blank(t, l)
	before, err := r.snapshot(ctx, t.Model)
	if err == nil {
		record.Active, record.Environment = r.active(before, t.Model), r.environment(before)
		record.Config, err = triton.MarshalConfig(before.config)
	}
	if err == nil {
		err = r.measureInto(ctx, t, &record, before)
	}
	if err != nil {
		unmeasured(&record, err)
	}
	if tooMuch(err) {
		r.stopped = &l
	}
	r.diagnose(ctx, t, &record)
	return record
}

// active returns the tuned values in force, with those of every other field that
// the plan changes somewhere.
func (r *run) active(s snapshot, model string) tritonconfig.Settings {
	active := tritonconfig.Effective(s.config)
	for _, path := range r.Plan.OtherPaths(model) {
		active = active.Overlay(tritonconfig.Settings{Other: map[string]string{path: tritonconfig.OtherValue(s.config, path)}})
	}
	return active
}

// measureInto offers the load and fills in what came out.
func (r *run) measureInto(ctx context.Context, t sweep.Trial, record *results.Record, before snapshot) error {
	spec := r.Load
	spec.Load = record.Load
	if spec.Load.Arrivals != sweep.Recorded {
		spec.Intervals = nil
	}
	spec.MaxDuration = cmp.Or(t.MaxDuration, spec.MaxDuration)
	spec.Precision = cmp.Or(t.Precision, spec.Precision)
	spec.Shared = before.identity.Simulated
	spec.Data = r.dataOf(record.Model)
	record.Environment.InputSource = spec.Data.String()
	spec.Seed = r.Plan.Seed + uint64(r.sequence)
	spec.Instances = instances(before.config)
	spec.Outputs, spec.Untouched = r.outputsOf(record.Model), proto.Equal(before.config, r.originals[record.Model])
	window := &serverWindow{client: r.client, model: record.Model}
	clocks := &clockWatch{read: r.clocks}
	defer clocks.stop()
	others := r.neighbours(before.identity)
	spec.Boundary = func(ctx context.Context, at load.Phase) error {
		clocks.boundary(at)
		others.boundary(at)
		return window.boundary(ctx, at)
	}
	gauges := r.watch(ctx, others)
	spared, stopSparing := r.spareOthers(ctx)
	loaded, stop := r.guard(spared)
	result, err := r.offer(loaded, record, before, spec)
	if cause := context.Cause(loaded); err != nil && cause != nil {
		err = cause // what ended it, wherever it was just then
	}
	stop()
	stopSparing()
	record.Resources = gauges()
	if err != nil {
		return err
	}
	r.fill(record, result)
	record.Checks = append(result.Checks(), r.rules(ctx, record, before, window, result)...)
	record.Checks = append(append(record.Checks, clocks.checks()...), others.check(), figures(record))
	record.Verdict, record.Reasons = judge(result, record.Checks)
	if lost, found := stall.Find(record); found { // the figures are right: it is what such a config does
		record.Reasons = append(record.Reasons, lost.String())
	}
	return nil
}

// outputsOf returns what a model's answers are compared with.
func (r *run) outputsOf(model string) *load.Outputs {
	if r.outputs[model] == nil {
		r.outputs[model] = load.NewOutputs()
	}
	return r.outputs[model]
}

// dataOf says what a model's inputs hold.
func (r *run) dataOf(model string) load.Data {
	if data, given := r.Data[model]; given {
		return data
	}
	return r.Load.Data
}

// snapshot is what the server says about itself before and after a point.
type snapshot struct {
	config   *tritonpb.ModelConfig
	identity Identity
}

func (r *run) snapshot(ctx context.Context, model string) (snapshot, error) {
	var s snapshot
	var err error
	if s.config, err = inForce(ctx, r.client, model); err != nil {
		return s, err
	}
	if r.Server != nil {
		s.identity, err = r.Server.Identity(ctx)
	}
	return s, err
}

// inForce returns the config that the server runs.
func inForce(ctx context.Context, client *triton.Client, model string) (*tritonpb.ModelConfig, error) {
	config, err := client.Config(ctx, model)
	if err != nil {
		return nil, fmt.Errorf("reading the config in force: %w", err)
	}
	return config, nil
}

// Describe returns what a request to the model must carry.
func Describe(ctx context.Context, client *triton.Client, model string, config *tritonpb.ModelConfig) (load.Model, error) {
	ctx, cancel := context.WithTimeout(ctx, triton.DefaultCallTimeout)
	defer cancel()
	metadata, err := service.NewGRPCInferenceServiceClient(client.Conn()).
		ModelMetadata(ctx, &service.ModelMetadataRequest{Name: model})
	if err != nil {
		return load.Model{}, fmt.Errorf("reading the model's metadata: %w", err)
	}
	return load.NewModel(metadata, config)
}

// blank is a record of a trial that holds no figures yet.
func (r *run) blank(t sweep.Trial, l sweep.Load) results.Record {
	return results.Record{
		Run: r.Run, Model: t.Model, Round: t.Round, Final: t.Final, Control: t.Control, Settings: t.Settings, Load: l,
		Start: time.Now().UTC(), Environment: r.Base,
	}
}

// untried is a record of a point that is not measured.
func (r *run) untried(t sweep.Trial, l sweep.Load, verdict results.Verdict, reason string) results.Record {
	record := r.blank(t, l)
	record.Verdict, record.Reasons = verdict, []string{reason}
	return record
}

func (r *run) environment(s snapshot) results.Environment {
	e := r.Base
	e.CPUs = runtime.NumCPU()
	e.Mode = string(r.Mode)
	e.Host, _ = os.Hostname() // absent is fine
	e.LoadAverage = loadAverage()
	if r.Server != nil {
		e.Container, e.ContainerID = s.identity.Name, s.identity.ID
		e.Image, e.ImageDigest = s.identity.Image, s.identity.ImageDigest
		e.ServerStarted = s.identity.StartedAt.UTC().Format(time.RFC3339Nano)
		e.Simulated = s.identity.Simulated
	}
	return e
}

// loadAverage returns the three figures of the kernel, or nothing elsewhere.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(data))
	return strings.Join(fields[:min(3, len(fields))], " ")
}
