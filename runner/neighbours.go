package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tritonsweep/results"
	"tritonsweep/runner/load"
)

// mostOthers is the share of the processors that other processes may keep busy
// before a point is suspect.
const mostOthers = 0.5

// neighbourWatch looks at what else used the machine over a window: its processors,
// and the devices that the server uses. The client's own use and the server's are
// no neighbours.
type neighbourWatch struct {
	machine fs.FS
	server  Identity
	// unknown says why nobody can tell neighbours from the server; empty where one can.
	unknown string

	start, end hostUse
	began      time.Time
	elapsed    time.Duration

	mu      sync.Mutex
	devices deviceNeighbours
}

func (r *run) neighbours(server Identity) *neighbourWatch {
	w := &neighbourWatch{machine: r.machine, server: server}
	if r.Pipeline != nil {
		w.unknown = "the pipeline's own processes cannot be told from others"
	}
	return w
}

// boundary reads the machine at the ends of the window.
func (w *neighbourWatch) boundary(at load.Phase) {
	use, err := readHost(w.machine, w.server)
	if err != nil && w.unknown == "" {
		w.unknown = err.Error()
		if !errors.Is(err, errElsewhere) && errors.Is(err, fs.ErrNotExist) {
			w.unknown = "this system does not say"
		}
	}
	if at == load.WindowStart {
		w.start, w.began = use, time.Now()
		return
	}
	w.end, w.elapsed = use, time.Since(w.began)
}

// check is the rule. A neighbour makes figures doubtful, not wrong.
func (w *neighbourWatch) check() results.Check {
	c := results.Check{Name: "neighbours", Passed: true}
	var details []string
	if w.unknown != "" || w.elapsed <= 0 {
		details = append(details, "other processes: n/a, "+w.unknown)
	} else {
		busy, most := w.others(), mostOthers*float64(w.end.processors)
		text := fmt.Sprintf("other processes kept %.2f of %d processors busy (at most %.2f)", busy, w.end.processors, most)
		switch {
		case w.server.Simulated: // it sleeps for as long as its profile says, and computes nothing
			text += ", of which a simulated server needs none"
		case busy > most:
			c.Suspect = true
			text += " (hint: end what else runs here, or measure when it is quiet)"
		}
		details = append(details, text)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	devices, disturbed := w.devices.say()
	c.Suspect = c.Suspect || disturbed
	c.Detail = strings.Join(append(details, devices...), "; ")
	return c
}

// others is how many processors were busy with what is neither the client nor the
// server, on average over the window.
func (w *neighbourWatch) others() float64 {
	used := (w.end.busy - w.start.busy) - (w.end.own - w.start.own) - (w.end.server - w.start.server)
	return max(used.Seconds(), 0) / w.elapsed.Seconds()
}

// devicesEvery is how often the driver is asked who uses its devices.
const devicesEvery = 2 * time.Second

// watchDevices asks the driver until ctx ends, where the server runs here.
func (w *neighbourWatch) watchDevices(ctx context.Context, ask func(context.Context) (deviceReading, error)) {
	if w.server.Pid <= 0 {
		return
	}
	ticker := time.NewTicker(devicesEvery)
	defer ticker.Stop()
	for {
		reading, err := ask(ctx)
		if err != nil {
			return // no driver, or none that answers
		}
		w.mu.Lock()
		w.devices.add(reading, w.mine)
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// mine tells the processes of the server's container, and this one, from others.
func (w *neighbourWatch) mine(pid int) bool {
	return pid == os.Getpid() || slices.ContainsFunc(controlGroups(w.machine, pid), func(g controlGroup) bool { return g.holds(w.server) })
}
