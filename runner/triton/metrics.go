package triton

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxMetrics bounds a metrics page, in bytes. A server of a thousand models
// sends some megabytes.
const maxMetrics = 32 << 20

// Metrics is one reading of Triton's metrics page. A nil figure was not on the
// page, or was no number: it never means zero.
type Metrics struct {
	Time   time.Time // when the page was asked for
	Models []ModelMetrics
	GPUs   []GPU
	// CPUUtilization of the server's machine, 0 to 1; CPUMemory in bytes.
	CPUUtilization                *float64
	CPUMemoryUsed, CPUMemoryTotal *float64
	// PinnedUsed and PinnedTotal describe the pinned memory pool, in bytes.
	PinnedUsed, PinnedTotal *float64
	// Bad names the samples that were left out: NaN, infinite, negative or
	// there twice. Figures next to them deserve no trust either.
	Bad []string
}

// ModelMetrics are the counters of one version of a model.
type ModelMetrics struct {
	Model, Version string

	Success *float64 // requests
	// Failure counts requests by reason: REJECTED, CANCELED, BACKEND, OTHER.
	// Older servers do not tell reasons apart and use "". Nil when absent.
	Failure    map[string]float64
	Inferences *float64 // items
	Executions *float64 // batches

	// Cumulative times of requests, in microseconds.
	RequestTime, QueueTime, ComputeInput, ComputeInfer, ComputeOutput *float64
	// Pending is the number of requests that wait now: a gauge.
	Pending *float64
}

// GPU are the gauges of one device; Triton refreshes them about every 2 s.
type GPU struct {
	UUID                    string
	Utilization             *float64 // 0 to 1
	MemoryUsed, MemoryTotal *float64 // bytes
	Power, PowerLimit       *float64 // watts
	Energy                  *float64 // joules since the server started: a counter
}

// Metrics reads the page that the options name; ErrNoMetrics when they name
// none. See Scrape.
func (c *Client) Metrics(ctx context.Context) (Metrics, error) {
	if c.metricsURL == "" {
		return Metrics{}, fmt.Errorf("%w: no metrics URL is set", ErrNoMetrics)
	}
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	return Scrape(ctx, c.metricsURL)
}

// scraper keeps no connection: one is cheap on this scale, and a kept one fails
// the first scrape after a restart. It uses no proxy and follows no redirect.
var scraper = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Scrape reads and parses a metrics page of at most 32 MiB, within ctx's
// deadline or 30 s. It wraps ErrUnavailable when nobody answers, ErrTooLarge,
// or ErrNoMetrics when the page is not Triton's.
func Scrape(ctx context.Context, address string) (Metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	start := time.Now()
	page, err := fetch(ctx, address)
	if err != nil {
		return Metrics{}, err
	}
	m, err := ParseMetrics(bytes.NewReader(page))
	if err != nil {
		return Metrics{}, fmt.Errorf("reading metrics from %s: %w", address, err)
	}
	m.Time = start
	return m, nil
}

func fetch(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("metrics URL %q: want for example http://localhost:8002/metrics", address)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("metrics URL %q: %w", address, err)
	}
	answer, err := scraper.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w: %w", ErrUnavailable, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusInternalServerError {
		return nil, fmt.Errorf("reading metrics: %w: %s answers %s", ErrUnavailable, address, answer.Status)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers %s; Triton's page is http://HOST:8002/metrics", ErrNoMetrics, address, answer.Status)
	}
	page, err := io.ReadAll(io.LimitReader(answer.Body, maxMetrics+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading metrics from %s: %w: %w", address, ErrUnavailable, err)
	case len(page) > maxMetrics:
		return nil, fmt.Errorf("reading metrics from %s: %w: more than %d MiB", address, ErrTooLarge, maxMetrics>>20)
	}
	return page, nil
}
