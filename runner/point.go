package runner

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// point measures a trial under one load, and once more when a validity rule
// failed or no steady state was reached: a neighbour's burst of work passes.
// Only an interruption is an error; everything else is a verdict.
func (r *run) point(ctx context.Context, t sweep.Trial, l sweep.Load) (results.Record, error) {
	records, err := r.twice(ctx, func() []results.Record { return r.measure(ctx, &part{trial: t, load: l}) })
	return records[0], err
}

// twice measures one window, and once more when the figures of a model in it cannot
// be used: what several models get at the same time is one measurement.
func (r *run) twice(ctx context.Context, measure func() []results.Record) ([]results.Record, error) {
	records := measure()
	if !slices.ContainsFunc(records, mayPass) || r.foreign != nil || r.hurt != nil || ctx.Err() != nil {
		return records, ctx.Err()
	}
	first := spoilers(records)
	records = measure()
	for i := range records {
		records[i].Reasons = append(records[i].Reasons, "measured again; first time: "+first)
	}
	return records, ctx.Err()
}

// spoilers says why a window is measured again.
func spoilers(records []results.Record) string {
	var why []string
	for _, record := range records {
		reasons := strings.Join(record.Reasons, "; ")
		switch {
		case !mayPass(record):
		case len(records) == 1:
			return reasons
		default:
			why = append(why, record.Model+": "+reasons)
		}
	}
	return strings.Join(why, "; ")
}

// mayPass tells that what spoilt a record may be over. An overload is not: it
// comes from the load itself.
func mayPass(record results.Record) bool {
	if a := record.Client.Arrivals; a != nil && a.Overloaded && record.Verdict == results.Unsteady {
		return false
	}
	return record.Verdict == results.Void || record.Verdict == results.Unsteady
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
