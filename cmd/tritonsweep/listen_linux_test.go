package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestFault63NothingListensBeyondLoopback: a sweep with its guardian, its
// simulated server and its metrics page, and a server of `simulate`, are asked
// what they listen on, by the kernel.
func TestFault63NothingListensBeyondLoopback(t *testing.T) {
	s := newSimulation(t)
	t.Run("sweep", func(t *testing.T) {
		cmd := s.sweep("--duration", "1m", "--metrics-listen", "127.0.0.1:0") // a signal ends it
		reach(t, cmd, "measuring")
		requireLoopback(t, cmd, 4) // gRPC, HTTP, the server's metrics, the run's
	})
	t.Run("simulate", func(t *testing.T) {
		server, _ := s.serve(t)
		requireLoopback(t, server, 3)
	})
	t.Run("anywhere", func(t *testing.T) { // what would be seen if something did
		cmd, _ := s.serve(t, "--grpc", "0.0.0.0:0", "--http", "[::]:0", "--listen-anywhere")
		_, open := listeners(t, cmd)
		if len(open) != 2 {
			t.Errorf("of two open ports %v were seen", open)
		}
	})
}

func requireLoopback(t *testing.T, cmd *exec.Cmd, least int) {
	t.Helper()
	loopback, open := listeners(t, cmd)
	if len(open) > 0 || len(loopback) < least {
		t.Errorf("listens on %v, and beyond loopback on %v", loopback, open)
	}
}

// listeners stops a process, looks at what it and its children listen on, on
// loopback and beyond, and ends it.
func listeners(t *testing.T, cmd *exec.Cmd) (loopback, open []netip.AddrPort) {
	t.Helper()
	pid := cmd.Process.Pid
	defer func() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		_ = syscall.Kill(pid, syscall.SIGCONT)
		_ = cmd.Wait() // ended by a signal
	}()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	sockets := socketsOf(t, append(children(t, pid), pid))
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			const listening = "0A"
			if len(fields) < 10 || fields[3] != listening || !slices.Contains(sockets, fields[9]) {
				continue
			}
			if at := parseSocket(t, fields[1]); at.Addr().Unmap().IsLoopback() {
				loopback = append(loopback, at)
			} else {
				open = append(open, at)
			}
		}
	}
	return loopback, open
}

// children returns the processes that a process started and that still run.
func children(t *testing.T, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		var pid, by int
		var state string
		_, rest, _ := strings.Cut(string(text), ") ") // behind the name, which may hold anything
		if _, err := fmt.Sscan(rest, &state, &by); err != nil || by != parent {
			continue
		}
		if _, err := fmt.Sscan(string(text), &pid); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

// socketsOf returns the inode numbers of all sockets of processes.
func socketsOf(t *testing.T, pids []int) []string {
	t.Helper()
	var inodes []string
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if name, err := os.Readlink(file); err == nil && strings.HasPrefix(name, "socket:[") {
				inodes = append(inodes, strings.Trim(name, "socket:[]"))
			}
		}
	}
	return inodes
}

// parseSocket reads an address as the kernel prints it: words in the machine's
// byte order, in hexadecimal.
func parseSocket(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	address, ok := netip.AddrFromSlice(raw)
	var number uint16
	if _, err := fmt.Sscanf(port, "%X", &number); err != nil || !ok {
		t.Fatalf("%q is no address: %v", text, err)
	}
	return netip.AddrPortFrom(address, number)
}
