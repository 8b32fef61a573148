package runner

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tritonsweep/runner/load"
)

const containerID = "30d144bf9c6d080f1834036c9f1fa7299f9e6479113e234d74e3e65fd7fbe230"

// machineAt is a machine of four processors that worked for busy, of which own for
// this process and server for the container whose first process is 700; all in
// seconds.
func machineAt(version string, busy, own, server int) fstest.MapFS {
	text := func(format string, args ...any) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, format, args...)}
	}
	m := fstest.MapFS{
		// Idle and waiting for disks is no work; what guests had is in user already.
		"proc/stat":      text("cpu  %d 100 100 99999 500 100 100 100 777 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\ncpu2 1 1 1 1 1 1 1 1 0 0\ncpu3 1 1 1 1 1 1 1 1 0 0\nintr 5\n", 100*busy-500),
		"proc/self/stat": text("42 (a )b) c) S 1 42 42 0 -1 4194304 1 1 0 0 %d 100 0 0 20 0 5 0 100 0 0\n", 100*own-100),
	}
	switch version {
	case "v1":
		m["proc/700/cgroup"] = text("3:cpu,cpuacct:/docker/%s\n0::/docker/%s\n", containerID, containerID)
		m["sys/fs/cgroup/cpu,cpuacct/docker/"+containerID+"/cpuacct.usage"] = text("%d\n", time.Duration(server)*time.Second)
	case "v2":
		m["proc/700/cgroup"] = text("0::/system.slice/docker-%s.scope\n", containerID)
		m["sys/fs/cgroup/system.slice/docker-"+containerID+".scope/cpu.stat"] = text("usage_usec %d\nuser_usec 1\n", 1_000_000*server)
	case "elsewhere": // another process has that number here
		m["proc/700/cgroup"] = text("0::/user.slice\n")
	}
	return m
}

// TestRuleNeighbours: others may keep half of the processors busy; what the client
// and the server use is not theirs, and where the server's share is not known
// nobody is accused.
func TestRuleNeighbours(t *testing.T) {
	server := Identity{ID: containerID, Pid: 700}
	for _, c := range []struct {
		name             string
		server           Identity
		groups           string
		busy, own, image int // seconds of the ten that the window has
		suspect          bool
		says             string
	}{
		{"alone", server, "v2", 39, 9, 30, false, "0.00 of 4 processors busy (at most 2.00)"},
		{"some", server, "v1", 39, 9, 15, false, "1.50 of 4"},
		{"a neighbour", server, "v2", 39, 5, 10, true, "2.40 of 4 processors busy (at most 2.00) (hint: "},
		{"the same, older groups", server, "v1", 39, 5, 10, true, "2.40 of 4"},
		{"a server elsewhere", server, "elsewhere", 39, 5, 0, false, "n/a, the server's own share is not known"},
		{"only an address", Identity{}, "v2", 39, 5, 0, false, "n/a, the server's own share is not known"},
		{"simulated", Identity{ID: "simulated", Simulated: true}, "v2", 39, 5, 0, false, "3.40 of 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRun(Config{machine: machineAt(c.groups, 1000, 200, 300)})
			w := r.neighbours(c.server)
			w.boundary(load.WindowStart)
			w.machine = machineAt(c.groups, 1000+c.busy, 200+c.own, 300+c.image)
			w.boundary(load.WindowEnd)
			w.elapsed = 10 * time.Second
			check := w.check()
			expectCheck(t, check, "neighbours", true, c.suspect)
			if !strings.Contains(check.Detail, c.says) {
				t.Errorf("%q does not say %q", check.Detail, c.says)
			}
		})
	}
}

// TestNeighboursOfWhatCannotBeRead: a system without these files, or with others in
// them, accuses nobody and says so.
func TestNeighboursOfWhatCannotBeRead(t *testing.T) {
	short := machineAt("v2", 10, 1, 1)
	short["proc/self/stat"] = &fstest.MapFile{Data: []byte("42 (a) S 1\n")}
	none := machineAt("v2", 10, 1, 1)
	none["proc/stat"] = &fstest.MapFile{Data: []byte("intr 5\n")}
	for says, machine := range map[string]fs.FS{"this system does not say": fstest.MapFS{}, "too short": short, "names none": none} {
		w := newRun(Config{machine: machine}).neighbours(Identity{ID: containerID, Pid: 700})
		w.boundary(load.WindowStart)
		w.boundary(load.WindowEnd)
		check := w.check()
		expectCheck(t, check, "neighbours", true, false)
		if !strings.Contains(check.Detail, says) {
			t.Errorf("%q does not say %q", check.Detail, says)
		}
	}
}

// TestRuleNeighboursOnDevices: another process on a device of the server, and
// clocks below what they could be, make a point suspect; those of other devices do
// not, nor do idle clocks.
func TestRuleNeighboursOnDevices(t *testing.T) {
	machine := machineAt("v2", 1000, 200, 300)
	machine["proc/701/cgroup"] = machine["proc/700/cgroup"]
	for _, c := range []struct {
		name, processes, clocks string
		suspect                 bool
		says                    string
	}{
		{"alone", "GPU-a, 700\nGPU-a, 701\n", "GPU-a, 0x0000000000000001\nGPU-b, 0x0000000000000000\n", false, "its 1 GPUs to itself, at full clocks"},
		{"another process", "GPU-a, 700\nGPU-a, 9000\n", "GPU-a, 0x0000000000000000\n", true, "process 9000, which is not the server's, computes on GPU-a"},
		{"this process", fmt.Sprintf("GPU-a, 700\nGPU-a, %d\n", os.Getpid()), "GPU-a, 0x0\n", false, "its 1 GPUs to itself"},
		{"on another device", "GPU-a, 700\nGPU-b, 9000\n", "GPU-a, 0x0\nGPU-b, 0x40\n", false, "its 1 GPUs to itself"},
		{"heat and power", "GPU-a, 700\n", "GPU-a, 0x0000000000000024\n", true, "GPU-a was slowed down (power cap, heat)"},
		{"does not say", "GPU-a, 700\n", "GPU-a, [N/A]\n", false, "its 1 GPUs to itself"},
		{"no device", "", "GPU-a, 0x0000000000000040\n", false, "processors busy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reading, err := parseDevices(c.processes, c.clocks)
			if err != nil {
				t.Fatal(err)
			}
			w := newRun(Config{machine: machine}).neighbours(Identity{ID: containerID, Pid: 700})
			w.boundary(load.WindowStart)
			w.boundary(load.WindowEnd)
			w.devices.add(reading, w.mine)
			check := w.check()
			expectCheck(t, check, "neighbours", true, c.suspect)
			if !strings.Contains(check.Detail, c.says) {
				t.Errorf("%q does not say %q", check.Detail, c.says)
			}
		})
	}
	if _, err := parseDevices("GPU-a\n", ""); err == nil {
		t.Error("a line without a process was taken")
	}
}
