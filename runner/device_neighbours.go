package runner

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// deviceReading is what the driver says about its devices at one moment.
type deviceReading struct {
	processes map[string][]int  // that compute on a device, by its UUID
	slowed    map[string]uint64 // why its clocks are below what they could be: NVML's bits
}

// slowdowns are the reasons of NVML that say that a device was slower than it can
// be because of its heat or its power, and so because of what came before or
// beside a point. Idleness and clocks that somebody has set are none.
var slowdowns = []struct {
	bit  uint64
	what string
}{
	{0x04, "power cap"}, {0x08, "hardware slowdown"}, {0x20, "heat"}, {0x40, "heat, by hardware"}, {0x80, "power brake"},
}

// askDriver asks the driver of this host, as readSMI does.
func askDriver(ctx context.Context) (deviceReading, error) {
	ctx, cancel := context.WithTimeout(ctx, smiTimeout)
	defer cancel()
	var pages [2][]byte
	for i, query := range []string{"--query-compute-apps=gpu_uuid,pid", "--query-gpu=uuid,clocks_throttle_reasons.active"} {
		var err error
		if pages[i], err = askSMI(ctx, query); err != nil {
			return deviceReading{}, err
		}
	}
	return parseDevices(string(pages[0]), string(pages[1]))
}

// parseDevices reads the two answers: UUID, PID of each process; UUID, bits of each
// device. What a device does not report is [N/A], or the like, and left out.
func parseDevices(processes, clocks string) (deviceReading, error) {
	out := deviceReading{processes: map[string][]int{}, slowed: map[string]uint64{}}
	for i, page := range []string{processes, clocks} {
		rows, err := smiRows([]byte(page), 2)
		if err != nil {
			return out, err
		}
		for _, row := range rows {
			n, err := strconv.ParseUint(strings.TrimSpace(row[1]), 0, 64)
			switch uuid := strings.TrimSpace(row[0]); {
			case err != nil:
			case i == 0:
				out.processes[uuid] = append(out.processes[uuid], int(n))
			default:
				out.slowed[uuid] = n
			}
		}
	}
	return out, nil
}

// deviceNeighbours adds up readings of the devices that the server uses.
type deviceNeighbours struct {
	used    map[string]bool // devices
	foreign map[int]string  // processes of others on them, and on which
	slowed  map[string]uint64
}

func (d *deviceNeighbours) add(r deviceReading, mine func(pid int) bool) {
	if d.used == nil {
		d.used, d.foreign, d.slowed = map[string]bool{}, map[int]string{}, map[string]uint64{}
	}
	for uuid, pids := range r.processes {
		if !slices.ContainsFunc(pids, mine) {
			continue // whoever computes there disturbs others
		}
		d.used[uuid] = true
		d.slowed[uuid] |= r.slowed[uuid]
		for _, pid := range pids {
			// This program holds a GPU's memory for --shared-memory cuda, and computes
			// nothing there.
			if !mine(pid) && pid != os.Getpid() {
				d.foreign[pid] = uuid
			}
		}
	}
}

// say describes what was seen, and whether it disturbs. Without a device that the
// server uses there is nothing to say.
func (d *deviceNeighbours) say() (details []string, disturbed bool) {
	if len(d.used) == 0 {
		return nil, false
	}
	for _, pid := range slices.Sorted(maps.Keys(d.foreign)) {
		details = append(details, fmt.Sprintf("process %d, which is not the server's, computes on %s", pid, d.foreign[pid]))
	}
	for _, uuid := range slices.Sorted(maps.Keys(d.used)) {
		var why []string
		for _, s := range slowdowns {
			if d.slowed[uuid]&s.bit != 0 {
				why = append(why, s.what)
			}
		}
		if len(why) > 0 {
			details = append(details, fmt.Sprintf("%s was slowed down (%s)", uuid, strings.Join(why, ", ")))
		}
	}
	if len(details) > 0 {
		return details, true
	}
	return []string{fmt.Sprintf("the server has its %d GPUs to itself, at full clocks", len(d.used))}, false
}
