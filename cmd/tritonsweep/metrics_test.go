package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A run can be scraped while it goes on, and when it is over nothing listens.
func TestARunShowsItself(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{
			"tritonsweep", "concurrency", "--sim", "--model", "arcface_w600k_r50", "--concurrency", "1,2", "--rounds", "1",
			"--duration", "1s", "--warmup", "100ms", "--metrics-listen", "127.0.0.1:0",
		}, strings.NewReader(""), io.Discard, write)
		_ = write.Close()
	}()
	url, seen := "", ""
	for lines := bufio.NewScanner(read); lines.Scan(); {
		if found, ok := strings.CutPrefix(lines.Text(), "metrics: "); ok {
			url = found
		}
		if strings.HasPrefix(lines.Text(), "[1/2]") {
			seen = get(t, url)
		}
	}
	if code := <-ended; code != exitOK && code != exitSome {
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
