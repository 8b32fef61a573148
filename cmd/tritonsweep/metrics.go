package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/runner/monitor"
)

// metricsFlags let a run be watched from outside.
func metricsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "metrics-listen", EnvVars: env("METRICS_LISTEN"), Usage: "`HOST:PORT` for the run's progress and results as Prometheus metrics, e.g. 127.0.0.1:9464"},
		&cli.BoolFlag{Name: "metrics-listen-anywhere", EnvVars: env("METRICS_LISTEN_ANYWHERE"), Usage: "allow an address off loopback for them: nothing asks who calls"},
	}
}

// watcher serves a run's metrics, if anybody asked for them.
type watcher struct {
	server  *monitor.Server
	monitor *monitor.Monitor
}

// listenMetrics takes the address before anything is touched.
func listenMetrics(c *cli.Context) (*watcher, error) {
	address := c.String("metrics-listen")
	if address == "" {
		return &watcher{}, nil
	}
	server, err := monitor.Listen(address, c.Bool("metrics-listen-anywhere"))
	if err != nil {
		return nil, usagef("--metrics-listen: %w", err)
	}
	fmt.Fprintf(c.App.ErrWriter, "metrics: %s\n", server.URL())
	return &watcher{server: server}, nil
}

// watch serves the run's page from now on, and returns what must hear its
// events.
func (w *watcher) watch(run results.Run, display func(runner.Event)) func(runner.Event) {
	if w.server == nil {
		return display
	}
	w.monitor = monitor.New(run, version)
	w.server.Serve(w.monitor)
	return func(e runner.Event) {
		w.monitor.Event(e)
		display(e)
	}
}

func (w *watcher) close() {
	if w.server != nil {
		_ = w.server.Close() // the run is over: nobody is lost but a scraper
	}
}
