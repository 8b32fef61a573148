package tritonsim

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"

	"tritonsweep/runner/local"
	"tritonsweep/sweep/batcher"
)

// Control says whether clients may load and unload models.
type Control string

// The control modes, as --model-control-mode names them.
const (
	ControlNone     Control = "none"
	ControlExplicit Control = "explicit"
)

// Options say what a Server serves. Only Repository is required.
type Options struct {
	// Repository is the model repository's directory. It is read at every start.
	Repository string
	// Control is ControlNone when empty.
	Control Control
	// LoadModels are the models that a server with ControlExplicit loads at its
	// start; nil for all.
	LoadModels []string
	// TimeScale multiplies the times of every profile; 0 means 1. Delays and
	// time-outs of the configs are not scaled.
	TimeScale float64
	// GPUs is the number of simulated GPUs. Without any, an instance group of
	// KIND_GPU is refused, as it is on a machine without.
	GPUs int
	// DeviceMemory opens a simulated GPU's memory by its handle; nil where nobody
	// can make any.
	DeviceMemory func(handle []byte) (SharedMemory, error)
	// GRPC, HTTP and Metrics are the addresses to listen on, host:port. Empty
	// means a free port on loopback, which restarts keep.
	GRPC, HTTP, Metrics string
	// ListenAnywhere allows addresses off loopback. Nothing asks who calls.
	ListenAnywhere bool
	// Lenient is --exit-on-error=false: a model that is refused keeps nothing
	// else from being served.
	Lenient bool
	// ModelFiles demands the files of the models, whatever is in them: without
	// its model.py a Python model hangs the start, for ever.
	ModelFiles bool
	// Processes is how many the machine lets the server have, one for each
	// instance; 0 means any number.
	Processes int
	// Variation is the coefficient of variation of compute times, such as 0.02.
	Variation float64
	// Seed drives the random parts: variation, and the lags between threads.
	Seed uint64
	// Timing holds those lags; the zero value means batcher.DefaultTiming. Its
	// FrontEnd and Latency have no effect: here the way of a request is real.
	Timing batcher.Timing
}

func (o *Options) complete() error {
	if o.Control == "" {
		o.Control = ControlNone
	}
	if o.TimeScale == 0 {
		o.TimeScale = 1
	}
	if o.Timing == (batcher.Timing{}) {
		o.Timing = batcher.DefaultTiming()
	}
	switch {
	case o.Repository == "":
		return fmt.Errorf("a model repository is needed")
	case o.Control != ControlNone && o.Control != ControlExplicit:
		return fmt.Errorf("control mode %q (hint: none or explicit)", o.Control)
	case !(o.TimeScale > 0) || math.IsInf(o.TimeScale, 0):
		return fmt.Errorf("time scale %v (hint: a positive number, 1 for the profiles' own times)", o.TimeScale)
	case !(o.Variation >= 0 && o.Variation <= 1):
		return fmt.Errorf("variation %v (hint: 0 to 1)", o.Variation)
	case o.Processes < 0:
		return fmt.Errorf("%d processes (hint: 0 for any number)", o.Processes)
	case o.GPUs < 0 || o.GPUs > 64:
		return fmt.Errorf("%d GPUs (hint: 0 to 64)", o.GPUs)
	}
	o.LoadModels = slices.Clone(o.LoadModels)
	for _, address := range []*string{&o.GRPC, &o.HTTP, &o.Metrics} {
		if *address == "" {
			*address = "127.0.0.1:0"
		}
		if err := checkAddress(*address, o.ListenAnywhere); err != nil {
			return err
		}
	}
	return nil
}

func checkAddress(address string, anywhere bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listening on %q: %w (hint: 127.0.0.1:8001, or port 0 for a free one)", address, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("listening on %q: the port is no number from 0 to 65535 (hint: port 0 for a free one)", address)
	}
	if !anywhere && !local.Host(host) {
		return fmt.Errorf("listening on %q: not a loopback address, and the server asks nobody who they are (hint: 127.0.0.1, or allow it)", address)
	}
	return nil
}
