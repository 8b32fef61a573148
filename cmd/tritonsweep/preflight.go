package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tritonsweep/runner"
	"tritonsweep/runner/load"
	"tritonsweep/sweep"
)

// readMemoryCap reads --max-container-memory: a share (90%) or a size (28GiB).
func readMemoryCap(c *cli.Context) (runner.MemoryCap, error) {
	text := c.String("max-container-memory")
	if text == "" || text == "none" {
		return runner.MemoryCap{}, nil
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		v, err := strconv.ParseFloat(share, 64)
		if err != nil || !(v > 0 && v <= 100) {
			return runner.MemoryCap{}, usagef("--max-container-memory: %q is not a share (hint: 90%%)", text)
		}
		return runner.MemoryCap{Share: v / 100}, nil
	}
	bytes, err := parseBytes(text)
	if err != nil {
		return runner.MemoryCap{}, usagef("--max-container-memory: %w, nor a share (hint: 90%%, 28GiB or none)", err)
	}
	return runner.MemoryCap{Bytes: bytes}, nil
}

// need is what the heaviest load of a plan keeps in memory at a time, in bytes.
type need struct {
	what     string // the model and its load, or several
	flight   int64  // requests and answers on the way, once at the client and once at the server
	instance int64  // full batches in the instances, which the Python backend holds in shared memory
	python   bool
}

// add joins a load that is offered at the same time.
func (n *need) add(other need) {
	if other.what == "" {
		return
	}
	n.what = other.what + " and " + n.what
	n.flight += other.flight
	n.instance += other.instance
	n.python = n.python || other.python
}

// server is what the load adds to the server's memory.
func (n need) server() int64 { return n.flight + n.instance }

// preflight says before the first request what the heaviest load needs, and
// what the container is limited to. It refuses data that no request can be made
// of, and loads above --memory-limit; the server's own use is watched by
// --max-container-memory.
func preflight(c *cli.Context, t *target, plan sweep.Plan, o options) error {
	heaviest, err := t.heaviest(c, plan, o)
	if err != nil || heaviest.flight == 0 {
		return err
	}
	w := c.App.ErrWriter
	kind := ""
	if heaviest.python {
		kind = " of shared memory"
	}
	fmt.Fprintf(w, "load: at most %s on the way (%s); the server needs up to %s more for it, %s%s of that in its instances\n",
		bytesText(heaviest.flight), printable(heaviest.what), bytesText(heaviest.server()), bytesText(heaviest.instance), kind)
	if t.container != nil {
		t.warnContainer(c.Context, w, heaviest, o.memory)
	}
	return nil
}

// heaviest finds the load of the plan with the most bytes on the way. Loads of
// an open loop bound themselves.
func (t *target) heaviest(c *cli.Context, plan sweep.Plan, o options) (need, error) {
	var most, together need
	known, shared := map[string]sizes{}, sharedSizes{}
	for i, trial := range plan.Trials {
		if i == 0 || !trial.Together || !plan.Trials[i-1].Together {
			together = need{}
		}
		if known[trial.Model] == nil {
			var err error
			if known[trial.Model], err = t.sizesOf(c, trial.Model, o.data[trial.Model], trial.Loads); err != nil {
				return need{}, err
			}
		}
		for _, l := range trial.Loads {
			size, spec := known[trial.Model][max(l.BatchSize, 1)], o.spec
			spec.Load = l
			n := t.needOf(trial, l, known[trial.Model])
			if spec.Regions != nil {
				if err := t.shareNeed(c, &n, spec, trial.Model, o.data[trial.Model], shared); err != nil {
					return need{}, err
				}
			} else if err := spec.Fits("model "+trial.Model, size[0], size[1]); err != nil {
				return need{}, withCode(exitUsage, err)
			}
			if trial.Together {
				n.add(together)
				together = n
			}
			if n.flight > most.flight {
				most = n
			}
		}
	}
	return most, nil
}

func (t *target) needOf(trial sweep.Trial, l sweep.Load, s sizes) need {
	config := t.configs[trial.Model]
	instances := 0
	for _, g := range config.GetInstanceGroup() {
		instances += max(1, int(g.GetCount()))
	}
	if n := trial.Settings.InstanceCount; n != nil {
		instances = *n
	}
	size, item := s[max(l.BatchSize, 1)], s[1][0]+s[1][1]
	held := min(l.Concurrency*max(1, l.BatchSize), max(1, instances)*max(1, int(config.GetMaxBatchSize())))
	return need{
		what:   fmt.Sprintf("%s, %s: %d x (%s request + %s answer)", trial.Model, l, l.Concurrency, bytesText(size[0]), bytesText(size[1])),
		flight: int64(l.Concurrency) * (size[0] + size[1]), instance: item * int64(held),
		python: config.GetBackend() == "python",
	}
}

// sharedSizes are the bytes of inputs and of each caller's outputs, by model and
// load: many trials have the same ones, and data are read for each answer.
type sharedSizes map[modelLoad][2]int64

type modelLoad struct {
	model string
	load  sweep.Load
}

// shareNeed is what a load keeps in shared memory: its inputs once, its outputs for
// every caller.
func (t *target) shareNeed(c *cli.Context, n *need, spec load.Spec, model string, data load.Data, known sharedSizes) error {
	key := modelLoad{model, spec.Load}
	if _, found := known[key]; !found {
		described, err := t.description(c, model)
		if err != nil {
			return err
		}
		inputs, outputs, err := spec.SharedSize(described, data)
		if err != nil {
			return withCode(exitUsage, err)
		}
		known[key] = [2]int64{inputs, outputs}
	}
	inputs, outputs := known[key][0], known[key][1]
	n.flight = inputs + int64(spec.Load.Concurrency)*outputs
	n.what = fmt.Sprintf("%s, %s: %s of inputs + %d x %s of outputs in shared memory", model, spec.Load, bytesText(inputs), spec.Load.Concurrency, bytesText(outputs))
	return withCode(exitUsage, spec.FitsShared("model "+model, inputs, outputs))
}

// warnContainer compares with what the container may use, and offers a limit
// where it has none.
func (t *target) warnContainer(ctx context.Context, w io.Writer, n need, cap runner.MemoryCap) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	state, err := t.container.Inspect(ctx)
	if err != nil {
		return // what follows will fail with a better message
	}
	used, limit, err := t.container.MemoryNow(ctx)
	if err != nil {
		return
	}
	room := limit
	if cap.Share > 0 {
		room = int64(cap.Share * float64(limit))
	} else if cap.Bytes > 0 {
		room = cap.Bytes
	}
	if used+n.server() > room {
		fmt.Fprintf(w, "warning: container %s uses %s of %s; with the heaviest load it may pass the %s that it is allowed, and the load will then be stopped (hint: fewer callers or a smaller client batch)\n",
			t.container.Name, bytesText(used), bytesText(limit), bytesText(room))
	}
	if state.MemoryLimit == 0 {
		wish := roundUp(2*used+2*n.server(), 1<<30)
		fmt.Fprintf(w, "note: container %s has no memory limit, so that a runaway load takes the host's memory (hint: docker update --memory %d --memory-swap %d %s sets %s while it runs; compose: deploy.resources.limits.memory)\n",
			t.container.Name, wish, wish, t.container.Name, bytesText(wish))
	}
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// bytesText writes a size for people.
func bytesText(n int64) string {
	const unit = 1024
	switch {
	case n >= unit*unit*unit:
		return fmt.Sprintf("%.4g GiB", float64(n)/(unit*unit*unit))
	case n >= unit*unit:
		return fmt.Sprintf("%.4g MiB", float64(n)/(unit*unit))
	}
	return fmt.Sprintf("%.4g KiB", float64(n)/unit)
}
