package contract

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/triton"
)

// Control loads and unloads the model of a server in explicit control mode.
func Control(t *testing.T, g Target) {
	g.ready(t)
	file := filepath.Join(g.Models, Model, "config.pbtxt")
	text, err := os.ReadFile(file)
	put(t, err)
	// An instance takes a second to stop: one makes the whole shorter.
	put(t, os.WriteFile(file, bytes.Replace(text, []byte("count: 4"), []byte("count: 1"), 1), 0o644))
	put(t, g.client(t).Reload(limited(t), Model))
	original := untouched(t, g)
	for _, step := range []struct {
		name string
		run  func(*testing.T, Target, *tritonpb.ModelConfig)
	}{
		{"override sticks", overrideSticks}, {"refused override", refusedOverride}, {"refused over HTTP", loadOverHTTP}, {"touched file", touchedFile},
		{"counters", reloadCounters}, {"under load", reloadUnderLoad}, {"unload under load", unloadUnderLoad},
		{"empty override", emptyOverride}, {"unknown model", loadUnknown},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.run(t, g, original)
			if err := g.client(t).Reload(limited(t), Model); err != nil {
				t.Fatal(err)
			}
			requireConfig(t, g, original)
		})
	}
}

func load(t *testing.T, g Target, original *tritonpb.ModelConfig, change func(*tritonpb.ModelConfig)) (*tritonpb.ModelConfig, error) {
	t.Helper()
	config := proto.CloneOf(original)
	change(config)
	text, err := triton.ConfigOverride(config)
	if err != nil {
		t.Fatal(err)
	}
	return config, g.client(t).Load(limited(t), Model, text)
}

func mustLoad(t *testing.T, g Target, original *tritonpb.ModelConfig, change func(*tritonpb.ModelConfig)) *tritonpb.ModelConfig {
	t.Helper()
	config, err := load(t, g, original, change)
	if err != nil {
		t.Fatal(err)
	}
	requireConfig(t, g, config)
	return config
}

func requireConfig(t *testing.T, g Target, want *tritonpb.ModelConfig) {
	t.Helper()
	got, err := g.client(t).Config(limited(t), Model)
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("%v; config in force\n%v\nwant\n%v", err, got, want)
	}
}

func delay(us uint64) func(*tritonpb.ModelConfig) {
	return func(c *tritonpb.ModelConfig) { c.GetDynamicBatching().MaxQueueDelayMicroseconds = us }
}

// overrideSticks: a load without a config does not bring the file's back.
func overrideSticks(t *testing.T, g Target, original *tritonpb.ModelConfig) {
	changed := mustLoad(t, g, original, delay(4321))
	if err := g.client(t).Load(limited(t), Model, ""); err != nil {
		t.Error(err)
	}
	requireConfig(t, g, changed)
}

// refusedOverride: the config in force stays, and the model serves.
func refusedOverride(t *testing.T, g Target, original *tritonpb.ModelConfig) {
	_, err := load(t, g, original, func(c *tritonpb.ModelConfig) {
		c.GetDynamicBatching().PreferredBatchSize = []int32{c.MaxBatchSize + 1}
	})
	requireStatus(t, err, codes.Internal, "failed to load '"+Model+"', failed to poll from model repository")
	if !errors.Is(err, triton.ErrRefused) {
		t.Errorf("refused override: %v", err)
	}
	if _, err := load(t, g, original, func(c *tritonpb.ModelConfig) { c.Backend = "cobol" }); !errors.Is(err, triton.ErrRefused) {
		t.Errorf("unknown backend: %v", err)
	}
	requireConfig(t, g, original)
	if _, err := g.api(t).ModelInfer(limited(t), ask(1)); err != nil {
		t.Error(err)
	}
}

// touchedFile: a file that is younger ends the override.
func touchedFile(t *testing.T, g Target, original *tritonpb.ModelConfig) {
	mustLoad(t, g, original, delay(4321))
	now := time.Now().Add(time.Second) // file systems may count whole seconds
	if err := os.Chtimes(filepath.Join(g.Models, Model, "config.pbtxt"), now, now); err != nil {
		t.Fatal(err)
	}
	if err := g.client(t).Load(limited(t), Model, ""); err != nil {
		t.Error(err)
	}
	requireConfig(t, g, original)
}

// reloadCounters: a reload in place ends the statistics and not the metrics, a
// change of the instance count neither, an unload both.
func reloadCounters(t *testing.T, g Target, original *tritonpb.ModelConfig) {
	c := g.client(t)
	send := func() {
		t.Helper()
		if _, err := g.api(t).ModelInfer(limited(t), ask(1)); err != nil {
			t.Fatal(err)
		}
	}
	require := func(when string, stats uint64, metrics float64) {
		t.Helper()
		s, m := read(t, c)
		if s.Success.Count != stats || *m.Success != metrics {
			t.Errorf("%s: statistics %d, metrics %v; want %d and %v", when, s.Success.Count, *m.Success, stats, metrics)
		}
	}
	if err := c.Reload(limited(t), Model); err != nil {
		t.Fatal(err)
	}
	send()
	require("after an unload and a load", 1, 1)
	mustLoad(t, g, original, func(c *tritonpb.ModelConfig) { c.InstanceGroup[0].Count = 2 })
	send()
	require("after a change of the count", 2, 2)
	mustLoad(t, g, original, delay(4321))
	send()
	require("after a reload in place", 1, 3)
}

// reloadUnderLoad: no request fails while the model is reloaded in place, and
// server and model stay ready.
func reloadUnderLoad(t *testing.T, g Target, original *tritonpb.ModelConfig) {
	errs := g.underLoad(t, func() {
		c, loaded := g.client(t), make(chan struct{})
		var probes sync.WaitGroup
		probes.Go(func() {
			for {
				server, err := c.ServerReady(t.Context())
				model, modelErr := c.ModelReady(t.Context(), Model)
				if !server || !model || err != nil || modelErr != nil {
					t.Errorf("while reloading: server ready %v, %v; model ready %v, %v", server, err, model, modelErr)
				}
				select {
				case <-loaded:
					return
				case <-time.After(pause):
				}
			}
		})
		defer func() { close(loaded); probes.Wait() }()
		for i := range 3 {
			mustLoad(t, g, original, delay(uint64(1000+i)))
		}
	})
	for _, err := range errs {
		t.Errorf("while reloading: %v", err)
	}
}

// unloadUnderLoad: what is under way finishes, what comes then is told that
// there is no such model.
func unloadUnderLoad(t *testing.T, g Target, _ *tritonpb.ModelConfig) {
	errs := g.underLoad(t, func() {
		if err := g.client(t).Unload(limited(t), Model); err != nil {
			t.Error(err)
		}
		time.Sleep(5 * pause)
	})
	if len(errs) == 0 {
		t.Error("no request was refused")
	}
	for _, err := range errs {
		requireStatus(t, err, codes.NotFound, "Request for unknown model: '"+Model+"' has no available versions")
	}
	models, err := g.client(t).RepositoryIndex(limited(t))
	if err != nil || len(models) == 0 || models[0] != (triton.ModelIndex{Name: Model, Version: "1", State: triton.StateUnavailable, Reason: "unloaded"}) {
		t.Errorf("index %v, %v", models, err)
	}
}

// underLoad runs do while four callers send requests, and returns their errors.
func (g Target) underLoad(t *testing.T, do func()) (errs []error) {
	t.Helper()
	api := g.api(t)
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		stop  = make(chan struct{})
	)
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := api.ModelInfer(ctx, ask(1)); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					time.Sleep(pause)
				}
			}
		})
	}
	func() {
		defer func() { close(stop); group.Wait() }() // also when do ends the test
		time.Sleep(2 * pause)
		do()
	}()
	return errs
}

// emptyOverride: a config without anything is taken, and serves nothing.
func emptyOverride(t *testing.T, g Target, _ *tritonpb.ModelConfig) {
	_, err := g.api(t).RepositoryModelLoad(limited(t), &service.RepositoryModelLoadRequest{
		ModelName: Model,
		Parameters: map[string]*service.ModelRepositoryParameter{
			"config": {ParameterChoice: &service.ModelRepositoryParameter_StringParam{StringParam: "{}"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if ready, err := g.client(t).ModelReady(limited(t), Model); !ready || err != nil {
		t.Errorf("ready %v, %v", ready, err)
	}
	unusable(t, g)
}

func loadUnknown(t *testing.T, g Target, _ *tritonpb.ModelConfig) {
	_, err := g.api(t).RepositoryModelLoad(limited(t), &service.RepositoryModelLoadRequest{ModelName: "nobody"})
	requireStatus(t, err, codes.Internal, "failed to load 'nobody', failed to poll from model repository")
}
