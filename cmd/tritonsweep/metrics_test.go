package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tritonsweep/runner"
)

// A run can be scraped while it goes on, and when it is over nothing listens.
func TestARunShowsItself(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var said bytes.Buffer // by the run's own goroutine, which is the one that tells events
	url, seen := "", ""
	onEvent = func(e runner.Event) {
		if e.Step == runner.Recorded && seen == "" { // the run waits for us
			_, url, _ = strings.Cut(said.String(), "metrics: ")
			url, _, _ = strings.Cut(url, "\n")
			seen = get(t, url)
		}
	}
	t.Cleanup(func() { onEvent = func(runner.Event) {} })
	code := run(ctx, []string{
		"tritonsweep", "concurrency", "--sim", "--model", "arcface_w600k_r50", "--concurrency", "1,2", "--rounds", "1",
		"--duration", "1s", "--warmup", "100ms", "--metrics-listen", "127.0.0.1:0",
	}, strings.NewReader(""), io.Discard, &said)
	if code != exitOK && code != exitSome {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{`sweep="concurrency"`, "tritonsweep_points_planned 2\n", "tritonsweep_points_done 1\n"} {
		if !strings.Contains(seen, want) {
			t.Errorf("the page has no %s:\n%s", want, seen)
		}
	}
	if response, err := http.Get(url); err == nil {
		_ = response.Body.Close()
		t.Error("the page is still there after the run")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}
