package faultfs

import (
	"errors"
	"os"
	"syscall"
	"time"

	"tritonsweep/internal/atomicfile"
)

// Faults counts calls and lets one of them go wrong. Its zero value only
// counts.
type Faults struct {
	// At is the number of the call, from 1, that goes wrong; 0 is none. With
	// Stays every later one goes wrong too, like on a disk that is full.
	At    int
	Stays bool
	// Err is what a failing call returns; nil kills the process instead, as
	// kill -9 would, before the call.
	Err error
	// Do, when set, is called in the place of the failure, and the call goes on.
	Do func(op, name string)
	// NoExchange lets the file system be one that cannot exchange.
	NoExchange bool

	count int
	ops   []string
}

// Open opens a directory on which the calls are counted.
func (f *Faults) Open(dir string) (atomicfile.Root, error) {
	r, err := atomicfile.Open(dir)
	if err != nil {
		return nil, err
	}
	return root{r, f}, nil
}

// Calls returns how many calls there were.
func (f *Faults) Calls() int { return f.count }

// Ops returns their names, for messages.
func (f *Faults) Ops() []string { return f.ops }

func (f *Faults) before(op, name string) error {
	f.count++
	f.ops = append(f.ops, op+" "+name)
	planned := f.At > 0 && (f.count == f.At || f.Stays && f.count > f.At)
	if planned && f.Do != nil {
		f.Do(op, name)
		planned = false
	}
	if op == "exchange" && f.NoExchange {
		return errors.ErrUnsupported
	}
	if !planned {
		return nil
	}
	if f.Err == nil {
		die()
	}
	if f.Err == syscall.ENOSPC && (op == "remove" || op == "exchange" || op == "syncdir" || op == "rename") {
		return nil // a full disk lets these happen
	}
	return f.Err
}

// write falls short where a call before it would fail, as a full disk does.
func (f *Faults) write(name string, data []byte) (int, error) {
	if err := f.before("write", name); err != nil {
		return len(data) / 2, err
	}
	return len(data), nil
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	time.Sleep(time.Minute) // it does not come back from there
}
