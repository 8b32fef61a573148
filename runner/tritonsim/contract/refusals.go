package contract

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner/triton"
)

// edit is one change of the config and what comes of it.
type edit struct {
	name     string
	old, new string   // in the file's text; an empty old replaces all of it
	also     []string // further changes: old, new, old, new
	refusal  string   // in the log, of a config that is refused
	last     string   // in the log behind it; lastWords when empty
	codes    []string // how its end may be described; not looked at when empty
	check    func(*testing.T, Target)
}

// lastWords end the log of a server that has refused a model.
const lastWords = "error: creating server: Internal - failed to load all models"

const batchingLine = "preferred_batch_size: [ 8, 16, 32, 64 ]"

var edits = []edit{
	{name: "syntax", old: "dims: [ 512 ]", new: "dims: [ 512", refusal: "failed to read text proto from"},
	{name: "preferred above max", old: batchingLine, new: "preferred_batch_size: [ 8, 256 ]",
		refusal: "dynamic batching preferred size must be <= max batch size for " + Model},
	{name: "batching without max", old: "max_batch_size: 128", new: "max_batch_size: 0",
		refusal: "dynamic batching preferred size must be <= max batch size for " + Model},
	{name: "preferred zero", old: batchingLine, new: "preferred_batch_size: [ 0 ]",
		refusal: "dynamic batching preferred size must be positive for " + Model},
	{name: "preferred negative", old: batchingLine, new: "preferred_batch_size: [ -4 ]",
		refusal: "dynamic batching preferred size must be positive for " + Model},
	{name: "max negative", old: "max_batch_size: 128", new: "max_batch_size: -1",
		refusal: "'max_batch_size' must be non-negative value for " + Model},
	{name: "unknown field", old: "max_batch_size", new: "max_batch_sise", refusal: `has no field named "max_batch_sise"`},
	{name: "field twice", old: "max_batch_size: 128", new: "max_batch_size: 128\nmax_batch_size: 64",
		refusal: `Non-repeated field "max_batch_size" is specified multiple times.`},
	{name: "delay negative", old: "15000", new: "-5", refusal: "Expected integer, got: -"},
	{name: "delay 2^64", old: "15000", new: "18446744073709551616", refusal: "Integer out of range"},
	{name: "another name", old: `name: "` + Model + `"`, new: `name: "other"`,
		refusal: "unexpected directory name '" + Model + "' for model 'other', directory name must equal model name"},
	{name: "unknown backend", old: `backend: "python"`, new: `backend: "cobol"`, refusal: "unable to find backend library for backend 'cobol'"},
	{name: "GPU", old: "KIND_CPU", new: "KIND_GPU", refusal: "has kind KIND_GPU but no GPUs are available"},
	{name: "byte order mark", old: "# Face", new: "\xef\xbb\xbf# Face", refusal: "failed to read text proto from"},
	{name: "NUL", old: "# Face", new: "# F\x00ace", refusal: "Invalid control characters encountered in text."},
	{name: "NUL in a string", old: `"output"`, new: "\"out\x00put\"", refusal: "Invalid control characters encountered in text."},
	{name: "initialize raises", old: "instance_group", new: fails("raises"),
		refusal: "failed to load '" + Model + "' version 1: Internal: ValueError: the parameter fails is raises"},
	{name: "process dies", old: "instance_group", new: fails("dies"),
		refusal: "failed to load '" + Model + "' version 1: Internal: Stub process '" + Model + "_0_"},
	// What is taken, several at a time: each costs a start.
	{name: "unsorted sizes, count 0, hexadecimal delay", old: batchingLine, new: "preferred_batch_size: [ 8, 4, 4 ]",
		also:  []string{"count: 2", "count: 0", "15000", "0x10"},
		check: inForce(`"preferred_batch_size":[8,4,4]`, `"count":1`, `"max_queue_delay_microseconds":16`)},
	{name: "no sizes, count -1, delay 2^64-1", old: batchingLine, new: "",
		also:  []string{"count: 2", "count: -1", "15000", "18446744073709551615"},
		check: inForce(`"preferred_batch_size":[128]`, `"count":1`, `"max_queue_delay_microseconds":18446744073709551615`)},
	{name: "carriage returns, bytes outside UTF-8", old: "\n", new: "\r\n",
		also:  []string{"# Face", "# F\xff\xfeace", `"output"`, "\"out\xffput\""},
		check: inForce(`"max_queue_delay_microseconds":15000`, `"output":[{"name":"output"`)},
	{name: "count 8", old: "count: 2", new: "count: 8", check: inForce(`"count":8`)},
	{name: "empty", check: unusable},
}

// fails tells the example's model how not to start.
func fails(how string) string {
	return "parameters { key: \"fails\" value { string_value: \"" + how + "\" } }\ninstance_group"
}

// Refusals restarts the server with configs that it refuses, each in its own
// words, and with some that it takes for something else than they look like.
func Refusals(t *testing.T, g Target) {
	file := filepath.Join(g.Models, Model, "config.pbtxt")
	untouched, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// An instance takes a second to stop: fewer make the whole shorter.
	original := []byte(strings.Replace(string(untouched), "count: 4", "count: 2", 1))
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			text := strings.NewReplacer(append(e.also, e.old, e.new)...).Replace(string(original))
			if e.old == "" {
				text = e.new
			}
			if text == string(original) {
				t.Fatal("the change does not apply")
			}
			g.tryConfig(t, file, text, e)
		})
	}
	directories(t, g, file, string(original))
	t.Run("foreign directory", func(t *testing.T) {
		foreign := filepath.Join(g.Models, "notes")
		if err := os.Mkdir(foreign, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(foreign)
		g.tryConfig(t, file, string(original), edit{refusal: "Poll failed for model directory 'notes'"})
	})
	t.Run("original", func(t *testing.T) {
		g.tryConfig(t, file, string(untouched), edit{check: inForce(`"max_queue_delay_microseconds":15000`)})
	})
	many(t, g, file, string(original))
}

func (g Target) tryConfig(t *testing.T, file, text string, e edit) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	g.try(t, e)
}

// try restarts the server and holds what comes of it to the edit.
func (g Target) try(t *testing.T, e edit) {
	t.Helper()
	since := time.Now()
	if err := g.Restart(limited(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(limited(t), time.Minute)
	defer cancel()
	err := g.client(t).WaitReady(ctx, Model, triton.Wait{Stopped: func() error { return g.Stopped(ctx) }})
	if e.refusal == "" {
		if err != nil {
			t.Fatal(err)
		}
		e.check(t, g)
		return
	}
	stopped := g.Stopped(ctx)
	if err == nil || stopped == nil {
		t.Fatalf("the server serves it: %v", err)
	}
	if e.codes != nil && !slices.ContainsFunc(e.codes, func(code string) bool { return strings.Contains(stopped.Error(), code) }) {
		t.Errorf("it ended so: %v, want %v", stopped, e.codes)
	}
	last := e.last
	if last == "" {
		last = lastWords
	}
	g.requireLog(t, since, e.refusal, last)
}

func (g Target) requireLog(t *testing.T, since time.Time, parts ...string) {
	t.Helper()
	log, err := g.Log(limited(t), since)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if !strings.Contains(log, part) {
			t.Errorf("the log lacks %q:\n%s", part, log)
		}
	}
}

// inForce wants parts of the config that the server reports.
func inForce(parts ...string) func(*testing.T, Target) {
	return func(t *testing.T, g Target) {
		t.Helper()
		got := g.http(t, "GET", "/v2/models/"+Model+"/config", "")
		for _, part := range parts {
			if !strings.Contains(got.body, part) {
				t.Errorf("config %s lacks %s", got.body, part)
			}
		}
	}
}

// unusable: a model with an empty config is ready and serves nothing.
func unusable(t *testing.T, g Target) {
	t.Helper()
	if _, err := g.api(t).ModelInfer(limited(t), ask(1)); err == nil || !strings.Contains(err.Error(), "expected 0 inputs but got 1 inputs") {
		t.Errorf("inference: %v", err)
	}
}
