package docker

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// The labels of a copy. They name a process, not a person, and hold no paths.
const (
	labelKey      = "tritonsweep.isolate"
	labelOriginal = "tritonsweep.isolate.of"
	labelHost     = "tritonsweep.owner.host"
	labelBoot     = "tritonsweep.owner.boot"
	labelPID      = "tritonsweep.owner.pid"
	labelStart    = "tritonsweep.owner.start"
)

// Owner is the process that made a copy. Its number alone proves nothing, since
// numbers are used again: the start time and the boot tell it from a successor.
type Owner struct {
	Key   string // of the copy: lower-case letters and digits
	Host  string
	Boot  string // the kernel's boot ID; empty where there is none
	PID   int
	Start string // in the kernel's clock ticks since the boot
}

// NewOwner returns this process as the owner of a new copy.
func NewOwner() (Owner, error) {
	o := Owner{Key: strings.ToLower(rand.Text()[:12]), PID: os.Getpid(), Boot: bootID()}
	var err error
	if o.Host, err = os.Hostname(); err != nil {
		return o, fmt.Errorf("naming the owner of a copy: %w", err)
	}
	o.Start = startOf(o.PID)
	return o, nil
}

func (o Owner) fields() map[string]string {
	return map[string]string{labelKey: o.Key, labelHost: o.Host, labelBoot: o.Boot,
		labelPID: strconv.Itoa(o.PID), labelStart: o.Start}
}

func ownerOf(labels map[string]string) Owner {
	pid, _ := strconv.Atoi(labels[labelPID]) // 0 is nobody
	return Owner{Key: labels[labelKey], Host: labels[labelHost], Boot: labels[labelBoot], PID: pid, Start: labels[labelStart]}
}

// Name is the owner as the name of a directory: what bears it says from its first
// moment whose it is.
func (o Owner) Name() string {
	return strings.Join([]string{o.Key, strconv.Itoa(o.PID), o.Start, o.Boot, url.QueryEscape(o.Host)}, "_")
}

// OwnerNamed reads what Name wrote.
func OwnerNamed(name string) (o Owner, ok bool) {
	parts := strings.SplitN(name, "_", 5)
	if len(parts) != 5 {
		return o, false
	}
	pid, errPID := strconv.Atoi(parts[1])
	host, errHost := url.QueryUnescape(parts[4])
	return Owner{Key: parts[0], PID: pid, Start: parts[2], Boot: parts[3], Host: host}, errPID == nil && errHost == nil
}

// Here tells whether the owner ran, or runs, on this machine: of another one
// nobody here can tell whether it lives.
func (o Owner) Here() bool {
	host, err := os.Hostname()
	return err == nil && host == o.Host
}

// Dead reports whether the owner has certainly ended.
func (o Owner) Dead() bool {
	if !o.Here() {
		return false
	}
	if o.Boot != bootID() {
		return true
	}
	now := startOf(o.PID)
	return now == "" || now != o.Start
}

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// startOf returns the start time of a process, field 22 of its stat; "" when it
// is gone, or only waits for its parent to take note of its end.
func startOf(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold blanks and parentheses itself.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" {
		return ""
	}
	return string(fields[19])
}

// Copy is a copy that Isolate made, and who made it.
type Copy struct {
	*Container
	Owner Owner
}

// Copies returns all copies that Isolate made and nobody removed, those of
// living owners included.
func (e *Engine) Copies(ctx context.Context) ([]Copy, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelKey))})
	if err != nil {
		return nil, e.fail("listing isolated copies", err)
	}
	var copies []Copy
	for _, s := range list {
		if s.Labels[labelKey] == "" {
			continue // an Engine, or a proxy, that does not filter
		}
		copies = append(copies, Copy{&Container{ID: s.ID, Name: nameOf(s), engine: e}, ownerOf(s.Labels)})
	}
	return copies, nil
}
