package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// hostUse is what the processors of this machine have worked up to an instant, in
// processor time since it started.
type hostUse struct {
	processors int
	busy       time.Duration // all of them together
	own        time.Duration // for this process
	server     time.Duration // for the server's container
}

// tick is the unit of the figures under /proc, whatever the kernel's own.
const tick = 10 * time.Millisecond

// errElsewhere says that the server's process is none of this machine, or that its
// control group cannot be read.
var errElsewhere = errors.New("the server's own share is not known")

// readHost reads the use of a machine, whose root directory is given, on which a
// server's container runs; one that is simulated is a part of this process.
func readHost(machine fs.FS, server Identity) (hostUse, error) {
	var u hostUse
	if err := u.readStat(machine); err != nil {
		return u, err
	}
	data, err := fs.ReadFile(machine, "proc/self/stat")
	if err != nil {
		return u, fmt.Errorf("reading the use of the processors: %w", err)
	}
	// The name, in brackets, may hold anything; utime and stime are the 12th and
	// 13th field behind it.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 13 {
		return u, errors.New("reading the use of the processors: /proc/self/stat is too short")
	}
	u.own = ticks(fields[11]) + ticks(fields[12])
	if !server.Simulated {
		u.server, err = containerUse(machine, server)
	}
	return u, err
}

// readStat adds up what /proc/stat counts as work: user, nice, system, interrupts,
// and what the hypervisor gave to others.
func (u *hostUse) readStat(machine fs.FS) error {
	data, err := fs.ReadFile(machine, "proc/stat")
	if err != nil {
		return fmt.Errorf("reading the use of the processors: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 9 || !strings.HasPrefix(fields[0], "cpu"):
		case fields[0] != "cpu":
			u.processors++
		default:
			for _, i := range []int{1, 2, 3, 6, 7, 8} {
				u.busy += ticks(fields[i])
			}
		}
	}
	if u.processors == 0 {
		return errors.New("reading the use of the processors: /proc/stat names none")
	}
	return nil
}

func ticks(text string) time.Duration {
	n, _ := strconv.ParseInt(text, 10, 64) // the kernel writes numbers
	return time.Duration(n) * tick
}

// containerUse reads what a container's control group has used, of either version.
// That the group of its process names it proves that it runs on this machine.
func containerUse(machine fs.FS, server Identity) (time.Duration, error) {
	for _, g := range controlGroups(machine, server.Pid) {
		if !g.holds(server) {
			continue
		}
		switch {
		case g.controllers == "": // version 2
			for _, root := range []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"} {
				data, err := fs.ReadFile(machine, root+g.path+"/cpu.stat")
				if text, found := strings.CutPrefix(string(data), "usage_usec "); err == nil && found {
					n, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
					return time.Duration(n) * time.Microsecond, err
				}
			}
		case strings.Contains(","+g.controllers+",", ",cpuacct,"):
			if data, err := fs.ReadFile(machine, "sys/fs/cgroup/"+g.controllers+g.path+"/cpuacct.usage"); err == nil {
				n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
				return time.Duration(n), err
			}
		}
	}
	return 0, errElsewhere
}

// controlGroup is a line of /proc/PID/cgroup.
type controlGroup struct{ controllers, path string }

// holds reports whether a group is that of a server's container.
func (g controlGroup) holds(server Identity) bool {
	return server.ID != "" && strings.Contains(g.path, server.ID)
}

func controlGroups(machine fs.FS, pid int) []controlGroup {
	data, err := fs.ReadFile(machine, fmt.Sprintf("proc/%d/cgroup", pid))
	if pid <= 0 || err != nil {
		return nil
	}
	var out []controlGroup
	for line := range strings.Lines(string(data)) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 {
			out = append(out, controlGroup{parts[1], parts[2]})
		}
	}
	return out
}
