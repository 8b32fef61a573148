package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/tritonsim"
)

func simulateCommand() *cli.Command {
	return &cli.Command{
		Name:  "simulate",
		Usage: "serve a model repository with a simulated Triton, until Ctrl-C",
		Description: "Real ports, protocols and scheduling rules; executions take the times of each model's\n" +
			"profile.json. The addresses are printed once all models are loaded. Nothing asks who\n" +
			"calls, so that only loopback addresses are served unless --listen-anywhere is given.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "repository", Usage: "model repository `DIR`: a folder with one folder for each model"},
			&cli.Float64Flag{Name: "time-scale", Usage: "multiply all execution times by `X`", Value: 1},
			&cli.StringFlag{Name: "control-mode", Usage: "`MODE` none or explicit: whether clients may load and unload", Value: "none"},
			&cli.BoolFlag{Name: "exit-on-error", Value: true, Usage: "end when a model is refused; with =false serve the others"},
			&cli.BoolFlag{Name: "model-files", Usage: "demand the models' files: without its model.py a Python model hangs the start"},
			&cli.IntFlag{Name: "gpus", Usage: "`N` simulated GPUs, for instance groups of KIND_GPU", Value: 1},
			&cli.Float64Flag{Name: "variation", Usage: "coefficient of variation `X` of compute times", Value: 0.02},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of what is random", Value: 1},
			&cli.StringFlag{Name: "grpc", Usage: "`ADDR` of the gRPC service, host:port (default: a free port)"},
			&cli.StringFlag{Name: "http", Usage: "`ADDR` of the HTTP service (default: a free port)"},
			&cli.StringFlag{Name: "metrics", Usage: "`ADDR` of the metrics page (default: a free port)"},
			&cli.BoolFlag{Name: "listen-anywhere", Usage: "serve addresses off loopback as well"},
		},
		Action: simulate,
	}
}

func simulate(c *cli.Context) (err error) {
	directory, err := servedRepository(c)
	if err != nil {
		return err
	}
	server, err := tritonsim.New(tritonsim.Options{
		Repository: directory, Control: tritonsim.Control(c.String("control-mode")), TimeScale: c.Float64("time-scale"),
		Lenient: !c.Bool("exit-on-error"), ModelFiles: c.Bool("model-files"),
		GPUs: c.Int("gpus"), Variation: c.Float64("variation"), Seed: c.Uint64("seed"),
		GRPC: c.String("grpc"), HTTP: c.String("http"), Metrics: c.String("metrics"), ListenAnywhere: c.Bool("listen-anywhere"),
	})
	if err != nil {
		return usagef("%w", err)
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	server.CopyLog(c.App.ErrWriter)
	if err := server.Start(c.Context); err != nil {
		return startCode(err)
	}
	ends := server.Endpoints()
	fmt.Fprintf(c.App.Writer, "grpc    %s\nhttp    http://%s\nmetrics %s\n", ends.GRPC, ends.HTTP, ends.MetricsURL())
	<-c.Context.Done()
	return nil
}

// servedRepository reads --repository, which has no default: what is served
// should be what somebody named.
func servedRepository(c *cli.Context) (string, error) {
	directory := c.String("repository")
	if directory == "" {
		return "", usagef("simulate needs --repository (hint: --repository examples/models)")
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return "", usagef("--repository: %w (hint: a folder with one folder for each model)", err)
	}
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(directory, e.Name())); err == nil && info.IsDir() {
			return directory, nil
		}
	}
	return "", usagef("--repository: %s holds no models (hint: a folder with one folder for each model)", directory)
}

// startCode sorts why a simulated server did not start: a model that Triton
// refuses is for its owner to mend, a port that is taken is not.
func startCode(err error) error {
	if exit := (*tritonsim.ExitError)(nil); errors.As(err, &exit) && !errors.Is(err, syscall.EADDRINUSE) {
		return usagef("%w (hint: the log above says which model, and why)", err)
	}
	return err
}
