package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// env returns the environment variable that stands for a flag.
func env(name string) []string { return []string{"TRITONSWEEP_" + name} }

// targetFlags say which server and which models.
func targetFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringSliceFlag{Name: "model", Aliases: []string{"m"}, EnvVars: env("MODEL"), Usage: "`NAME` of a model; repeatable, or all"},
		&cli.StringFlag{Name: "container", EnvVars: env("CONTAINER"), Usage: "`NAME` or ID of Triton's container (default: the one behind --grpc-url, or the only Triton that runs)"},
		&cli.StringFlag{Name: "repository", EnvVars: env("REPOSITORY"), Usage: "`DIR` of the model repository on this machine (default: what the container mounts)"},
		&cli.StringFlag{Name: "grpc-url", EnvVars: env("GRPC_URL"), Usage: "`HOST:PORT` of Triton's gRPC service (default: the container's published port)"},
		&cli.StringFlag{Name: "metrics-url", EnvVars: env("METRICS_URL"), Usage: "`URL` of Triton's metrics (default: the container's published port)"},
		&cli.BoolFlag{Name: "sim", EnvVars: env("SIM"), Usage: "sweep a simulated Triton in this process: no container, no GPU, nothing is touched"},
		&cli.BoolFlag{Name: "sim-in-place", Hidden: true, Usage: "with --sim: serve --repository itself, not a copy"},
		&cli.BoolFlag{Name: "shared-lock", EnvVars: env("SHARED_LOCK"), Usage: "sweep a repository on a network file system: nobody else does, you say"},
		&cli.StringFlag{Name: "mode", EnvVars: env("MODE"), Value: "restart", Usage: "how settings reach the server: restart, reload (explicit model control) or none"},
		&cli.DurationFlag{Name: "ready-timeout", EnvVars: env("READY_TIMEOUT"), Value: 2 * time.Minute, Usage: "how long a restarted server may take until it is ready"},
	}, connectionFlags()...)
}

// arrivalFlags say when requests are sent; concurrency is the default.
func arrivalFlags(concurrency string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "concurrency", Aliases: []string{"c"}, EnvVars: env("CONCURRENCY"), Value: concurrency, Usage: "callers of the closed loop: `LIST` or range, e.g. 1,8,32"},
		&cli.StringFlag{Name: "rate", EnvVars: env("RATE"), Usage: "arrivals of an open loop, requests a second: `LIST` or range, e.g. 50,100..500/100 (instead of --concurrency, or beside it when both are given)"},
		&cli.StringFlag{Name: "arrivals", EnvVars: env("ARRIVALS"), Value: string(sweep.Poisson), Usage: "how they arrive: poisson, constant, or a `FILE` of recorded intervals (microseconds, one a line; without --rate as fast as recorded)"},
		&cli.IntFlag{Name: "max-outstanding", EnvVars: env("MAX_OUTSTANDING"), Usage: "most requests of an open loop under way (default: 1024, or fewer where --memory-limit asks for it); others wait, which their latency counts"},
	}
}

// loadFlags say how requests are offered and measured.
func loadFlags(concurrency string) []cli.Flag {
	return join(arrivalFlags(concurrency), inputFlags(), []cli.Flag{
		&cli.StringFlag{Name: "client-batch", EnvVars: env("CLIENT_BATCH"), Value: "1", Usage: "items in one request: `LIST` or range"},
		&cli.DurationFlag{Name: "duration", EnvVars: env("DURATION"), Value: 4 * time.Second, Usage: "the longest a point is measured; it ends sooner when its interval is narrow (10s with --max-p99)"},
		warmupFlag(), precisionFlag(),
		&cli.StringSliceFlag{Name: "shape", EnvVars: env("SHAPE"), Usage: "`[MODEL/]INPUT:DIMS` of an input that varies, e.g. x:3x48x320; repeatable"},
		memoryLimitFlag(),
		&cli.StringFlag{Name: "max-container-memory", EnvVars: env("MAX_CONTAINER_MEMORY"), Value: "90%", Usage: "stop a load when the server's container uses more: a share of its limit (of the host's memory where it has none), a size such as 28GiB, or none"},
		&cli.Float64Flag{Name: "max-slowdown", EnvVars: env("MAX_SLOWDOWN"), Value: 2, Usage: "end the sweep when, for 5s, requests of others to other models of the server (with --isolate: to the container itself) take or fail more than so many times what they did before it; 0: whatever happens to them"},
		&cli.StringFlag{Name: "transport", EnvVars: env("TRANSPORT"), Value: string(load.GRPC), Usage: "how requests travel: grpc (unary calls), stream (a gRPC stream for each caller) or http (binary tensors)"},
		&cli.StringFlag{Name: "http-url", EnvVars: env("HTTP_URL"), Usage: "`URL` of Triton's HTTP service, for --transport http (default: the container's published port)"},
		&cli.StringFlag{Name: "compression", EnvVars: env("COMPRESSION"), Value: "none", Usage: "of requests, and of answers where the server wants: none or gzip"},
		&cli.StringFlag{Name: "shared-memory", EnvVars: env("SHARED_MEMORY"), Value: "none", Usage: "where tensors travel: none (in the messages), system (shared memory of this machine, which the server must see) or cuda (a GPU's memory; in programs built with -tags cuda)"},
		&cli.IntFlag{Name: "cuda-device", EnvVars: env("CUDA_DEVICE"), Usage: "the `GPU` of --shared-memory cuda, by its number"},
		requestTimeoutFlag(),
	})
}

// planFlags say how the experiment is laid out and where its results go.
func planFlags() []cli.Flag {
	return append(isolateFlags(), []cli.Flag{
		&cli.IntFlag{Name: "rounds", EnvVars: env("ROUNDS"), Value: 3, Usage: "how often every setting is measured, each time after a fresh start"},
		seedFlag(),
		maxP99Flag(),
		maxP95Flag(),
		&cli.StringFlag{Name: "max-gpu-memory", EnvVars: env("MAX_GPU_MEMORY"), Usage: "what all GPUs together may have in use, e.g. `20GiB`: settings that use more are not recommended"},
		&cli.StringFlag{Name: "objective", EnvVars: env("OBJECTIVE"), Usage: "the latency that throughput is weighed against: p50, p90, p95 or p99 (default: that of the limit, or p95)"},
		&cli.BoolFlag{Name: forceName, EnvVars: env("FORCE"), Usage: "recommend even where the untouched config differed from itself by more than 5 %"},
		&cli.DurationFlag{Name: "time-budget", EnvVars: env("TIME_BUDGET"), Usage: "begin no new trial after this `TIME`"},
		dryRunFlag(),
		yesFlag(),
		dbFlag(),
		outputFlag(),
		&cli.StringFlag{Name: resumeFlag, Hidden: true},
		formatFlag(),
	}...)
}

const forceName = "force"

func warmupFlag() cli.Flag {
	return &cli.DurationFlag{Name: "warmup", EnvVars: env("WARMUP"), Value: time.Second, Usage: "the shortest warm-up of a point"}
}

func precisionFlag() cli.Flag {
	return &cli.Float64Flag{Name: "precision", EnvVars: env("PRECISION"), Value: 0.05, Usage: "relative half-width of the 95 % intervals at which a point ends"}
}

func memoryLimitFlag() cli.Flag {
	return &cli.StringFlag{Name: "memory-limit", EnvVars: env("MEMORY_LIMIT"), Usage: "most bytes in flight, e.g. 2GiB (default: a quarter of what is free)"}
}

func requestTimeoutFlag() cli.Flag {
	return &cli.DurationFlag{Name: "request-timeout", EnvVars: env("REQUEST_TIMEOUT"), Value: 30 * time.Second, Usage: "deadline of one request"}
}

func seedFlag() cli.Flag {
	return &cli.Uint64Flag{Name: "seed", EnvVars: env("SEED"), Usage: "of the order and of the inputs (default: random, recorded)"}
}

func maxP99Flag() cli.Flag {
	return &cli.StringFlag{Name: "max-p99", EnvVars: env("MAX_P99"), Usage: "affordable p99 latency, e.g. `20ms`"}
}

func maxP95Flag() cli.Flag {
	return &cli.StringFlag{Name: "max-p95", EnvVars: env("MAX_P95"), Usage: "affordable p95 latency, e.g. `15ms`"}
}

func dryRunFlag() cli.Flag { return &cli.BoolFlag{Name: "dry-run", Usage: "print the plan and stop"} }

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, EnvVars: env("YES"), Usage: "do not ask before the first change"}
}

func dbFlag() cli.Flag {
	return &cli.StringFlag{Name: "db", EnvVars: env("DB"), Value: "tritonsweep.db", Usage: "results `FILE` (SQLite)"}
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: env("OUTPUT"), Usage: "`DIR` for the reports: HTML, Markdown, JSON, CSV and the patch"}
}

func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", EnvVars: env("FORMAT"), Value: "text", Usage: "of standard output: text, json, markdown, csv or html"}
}

// formatsFlag is formatFlag for a command with fewer formats, the default first.
func formatsFlag(formats ...string) cli.Flag {
	return &cli.StringFlag{Name: "format", EnvVars: env("FORMAT"), Value: formats[0], Usage: "of standard output: " + strings.Join(formats, " or ")}
}

// withDefault gives a text flag another default.
func withDefault(flags []cli.Flag, name, value string) []cli.Flag {
	for _, f := range flags {
		if text, ok := f.(*cli.StringFlag); ok && text.Name == name {
			text.Value = value
		}
	}
	return flags
}

func join(groups ...[]cli.Flag) []cli.Flag {
	var all []cli.Flag
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}
