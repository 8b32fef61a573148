package main

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/file" // static targets need it
)

func TestPrometheusTakesItsConfig(t *testing.T) {
	c, err := config.LoadFile("prometheus.yml", false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	scrapes, err := c.GetScrapeConfigs()
	if err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, s := range scrapes {
		jobs = append(jobs, s.JobName)
	}
	if !slices.Equal(jobs, []string{"triton", "tritonsweep"}) {
		t.Errorf("jobs %v", jobs)
	}
}
