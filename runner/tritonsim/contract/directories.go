package contract

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/triton"
)

// emptyJSON is what a server makes of a config that is empty or absent.
const emptyJSON = `{"name":"arcface_w600k_r50","platform":"","backend":"python","runtime":"","version_policy":{"latest":{"num_versions":1}},` +
	`"max_batch_size":0,"input":[],"output":[],"batch_input":[],"batch_output":[],"optimization":{"priority":"PRIORITY_DEFAULT",` +
	`"input_pinned_memory":{"enable":true},"output_pinned_memory":{"enable":true},"gather_kernel_buffer_threshold":0,"eager_batching":false},` +
	`"instance_group":[{"name":"arcface_w600k_r50","kind":"KIND_CPU","count":1,"gpus":[],"secondary_devices":[],"profile":[],"passive":false,` +
	`"host_policy":""}],"default_model_filename":"model.py","cc_model_filenames":{},"metric_tags":{},"parameters":{},"model_warmup":[]}`

// directories are starts with a model whose files are not what they should be.
func directories(t *testing.T, g Target, file, original string) {
	model, version := filepath.Dir(file), filepath.Join(filepath.Dir(file), "1")
	t.Run("config absent", func(t *testing.T) {
		put(t, os.Remove(file))
		g.try(t, edit{check: func(t *testing.T, g Target) {
			unusable(t, g)
			if got := g.http(t, "GET", "/v2/models/"+Model+"/config", ""); got.body != emptyJSON {
				t.Errorf("config in force %s\nwant %s", got.body, emptyJSON)
			}
		}})
	})
	t.Run("config a directory", func(t *testing.T) {
		put(t, os.Mkdir(file, 0o755))
		defer os.Remove(file)
		g.try(t, edit{refusal: "terminate called after throwing an instance of 'std::length_error'", last: "basic_string::_M_replace_aux", codes: []string{"134"}})
	})
	put(t, os.WriteFile(file, []byte(original), 0o644))
	t.Run("no version", func(t *testing.T) {
		away := filepath.Join(filepath.Dir(g.Models), "away")
		put(t, os.Rename(version, away))
		defer os.Rename(away, version)
		g.try(t, edit{refusal: "failed to load model '" + Model + "': at least one version must be available under the version policy of model '" + Model + "'"})
	})
	t.Run("no model file", func(t *testing.T) {
		script, away := filepath.Join(version, "model.py"), filepath.Join(model, "..", "..", "model.py")
		put(t, os.Rename(script, away))
		defer os.Rename(away, script)
		g.requireHang(t)
	})
}

func put(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// requireHang: the server neither starts nor ends, and no port answers.
func (g Target) requireHang(t *testing.T) {
	t.Helper()
	since := time.Now()
	put(t, g.Restart(limited(t)))
	ctx, cancel := context.WithTimeout(limited(t), g.Patience)
	defer cancel()
	err := g.client(t).WaitReady(ctx, Model, triton.Wait{Stopped: func() error { return g.Stopped(t.Context()) }})
	if stopped := g.Stopped(t.Context()); stopped != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the server does not hang: %v, %v", err, stopped)
	}
	if live, err := g.client(t).Live(limited(t)); live || !errors.Is(err, triton.ErrUnavailable) {
		t.Errorf("live %v, %v", live, err)
	}
	if log, err := g.Log(t.Context(), since); err != nil || strings.Contains(log, lastWords) {
		t.Errorf("%v, the log:\n%s", err, log)
	}
}

// many are starts with many instances, each a process of its own. The last one
// is left running, for it would take half a minute to stop.
func many(t *testing.T, g Target, file, original string) {
	count := func(n string) string { return strings.Replace(original, "count: 2", "count: "+n, 1) }
	t.Run("count 1000", func(t *testing.T) {
		g.Limit(t, 200)
		defer g.Limit(t, 0)
		g.tryConfig(t, file, count("1000"), edit{refusal: "terminate called after throwing an instance of 'std::system_error'",
			last: "std::system_error", codes: []string{"134", "139"}})
	})
	t.Run("count 32", func(t *testing.T) {
		g.tryConfig(t, file, count("32"), edit{check: inForce(`"count":32`)})
	})
}

// Lenient: a server that goes on without what it refused. It is ready when it
// could not read a config, and not ready when it could not load a model.
func Lenient(t *testing.T, g Target) {
	file := filepath.Join(g.Models, Model, "config.pbtxt")
	original, err := os.ReadFile(file)
	put(t, err)
	none := page{404, "application/json", `{"error":"Request for unknown model: '` + Model + `' is not found"}`}
	unread := edit{old: "dims: [ 512 ]", new: "dims: [ 512", refusal: "failed to read text proto from"}
	t.Run("unread", func(t *testing.T) {
		g.serveWithout(t, file, string(original), unread, true, none, `[{"name":"`+Model+`"}]`)
	})
	none.body = `{"error":"Request for unknown model: '` + Model + `' has no available versions"}`
	failed := edit{old: "instance_group", new: fails("dies"), refusal: "Internal: Stub process '" + Model + "_0_"}
	t.Run("failed", func(t *testing.T) {
		g.serveWithout(t, file, string(original), failed, false, none, `"state":"UNAVAILABLE","reason":"Internal: Stub process`)
	})
}

func (g Target) serveWithout(t *testing.T, file, original string, e edit, ready bool, none page, index string) {
	t.Helper()
	put(t, os.WriteFile(file, []byte(strings.Replace(original, e.old, e.new, 1)), 0o644))
	since := time.Now()
	put(t, g.Restart(limited(t)))
	c := g.client(t)
	for live := false; !live; live, _ = c.Live(limited(t)) {
		time.Sleep(pause)
	}
	if got, err := c.ServerReady(limited(t)); got != ready || err != nil {
		t.Errorf("server ready %v, %v; want %v", got, err, ready)
	}
	if got, err := c.ModelReady(limited(t), Model); got || err != nil {
		t.Errorf("model ready %v, %v", got, err)
	}
	if got := g.http(t, "GET", "/v2/models/"+Model+"/config", ""); got != none {
		t.Errorf("config %+v, want %+v", got, none)
	}
	if got := g.http(t, "GET", "/v2/models/"+Model+"/stats", ""); got != (page{400, "application/json", `{"error":"requested model '` + Model + `' is not available"}`}) {
		t.Errorf("statistics %+v", got)
	}
	if got := g.http(t, "POST", "/v2/repository/index", ""); !strings.Contains(got.body, index) {
		t.Errorf("index %s lacks %s", got.body, index)
	}
	g.requireLog(t, since, e.refusal, `"Internal: failed to load all models"`)
}
