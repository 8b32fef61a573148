package runner

import (
	"context"
	"fmt"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/pipeline"
)

// offer puts a point's load on: on the model itself, or on the pipeline in front
// of it, whose users are then those who judge the settings.
func (r *run) offer(ctx context.Context, record *results.Record, before snapshot, spec load.Spec) (load.Result, error) {
	if r.Pipeline != nil {
		record.Environment.Pipeline, record.Environment.InputSource = r.Pipeline.Target().Address(), r.Pipeline.Source()
		record.Environment.Transport = "http"
		if err := r.awaitPipeline(ctx); err != nil {
			return load.Result{}, err
		}
		var result load.Result
		var err error
		result, record.Stages, err = pipeline.Measure(ctx, r.Pipeline, spec)
		return result, err
	}
	spec, transport, err := r.reach(ctx, spec, record.Model, before)
	if err != nil {
		return load.Result{}, err
	}
	defer transport.Close()
	return load.Run(ctx, transport, spec)
}

// reach completes what a load is to carry to a model and how, and prepares the
// connection. The server's address is read anew, since a restart may change ports.
func (r *run) reach(ctx context.Context, spec load.Spec, model string, server snapshot) (load.Spec, load.Connection, error) {
	var err error
	if spec.Model, err = Describe(ctx, r.client, model, server.config); err != nil {
		return spec, nil, err
	}
	if spec.Via.URL == "" && server.identity.HTTP != "" {
		spec.Via.URL = "http://" + server.identity.HTTP
	}
	if spec.Regions != nil {
		regions := *spec.Regions
		regions.Server = r.client
		spec.Regions = &regions
	}
	transport, err := spec.Connect(r.client.Address())
	return spec, transport, err
}

// awaitPipeline waits until the API answers again: its connections to a server
// that was restarted come back a while after the server.
func (r *run) awaitPipeline(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, max(r.ReadyTimeout, time.Second))
	defer cancel()
	for {
		err := pipeline.Probe(limited, r.Pipeline)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-timer.C:
		case <-limited.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("the pipeline %s does not answer after %s: %w", r.Pipeline.Target().Name, r.ReadyTimeout, err)
		}
	}
}

// used replaces the comparison of counts: how many requests to the model a
// request to the pipeline becomes is the pipeline's affair, but none means that
// the settings were not what was measured.
func used(record *results.Record) results.Check {
	s, n := record.Server, record.Client.Requests
	each := 0.0
	if n > 0 {
		each = float64(s.Requests) / float64(n)
	}
	return results.Check{
		Name: "used", Passed: s.Requests > 0,
		Detail: fmt.Sprintf("the model answered %d requests while the pipeline answered %d: %.2f each", s.Requests, n, each),
	}
}
