package undo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/runner/flock"
)

// Holder says who holds a lock.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	User    string    `json:"user"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"` // for example "queue-delay"
	// Repository is what is held.
	Repository string `json:"repository"`
}

// HeldError is returned by Acquire when another run holds the repository.
type HeldError struct {
	Repository string
	Holder     *Holder // nil when unknown: another user's run
}

func (e *HeldError) Error() string {
	who := "another process"
	if h := e.Holder; h != nil {
		who = fmt.Sprintf("tritonsweep %s (pid %d on %s, user %s, since %s)",
			h.Command, h.PID, h.Host, h.User, h.Since.Format(time.DateTime))
	}
	return fmt.Sprintf("%s is held by %s (hint: wait until it ends, or stop it with Ctrl-C)", Name(e.Repository), who)
}

// Lock is the exclusive right to change one model repository. It is an
// advisory lock of the kernel on the repository's directory itself: it adds no
// file there, holds for all users, and dies with its process.
type Lock struct {
	dir    *os.File
	holder string // path of the file that tells others who we are
	key    string
	state  State
}

// Acquire locks the repository, or fails at once with a HeldError.
func Acquire(state State, repository, command string) (*Lock, error) {
	for {
		l, err := acquire(state, repository, command)
		if !errors.Is(err, errVanished) {
			return l, err
		}
	}
}

// errVanished tells that the directory went away before it was locked, as a
// stand-in does when its holder lets go.
var errVanished = errors.New("the directory went away")

func acquire(state State, repository, command string) (*Lock, error) {
	if err := state.standUp(repository); err != nil {
		return nil, err
	}
	if err := state.Outside(repository); err != nil {
		return nil, state.vanished(repository, err)
	}
	real, err := filepath.EvalSymlinks(repository)
	if err != nil {
		return nil, state.vanished(repository, fmt.Errorf("locking the repository: %w", err))
	}
	dir, err := os.Open(real) // close-on-exec: no child inherits the lock
	if err != nil {
		return nil, state.vanished(repository, fmt.Errorf("locking the repository: %w", err))
	}
	l := &Lock{dir: dir, key: key(real), state: state}
	l.holder = filepath.Join(state.dir, l.key+holderSuffix)
	if err := provable(dir, state); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	if err := flock.Try(dir, real); err != nil {
		_ = dir.Close()
		switch {
		case errors.Is(err, flock.ErrHeld):
			return nil, &HeldError{Repository: repository, Holder: readHolder(l.holder)}
		case errors.Is(err, flock.ErrGone):
			return nil, errVanished
		}
		return nil, fmt.Errorf("locking %s: %w", repository, err)
	}
	if err := errors.Join(state.tidy(l.key), l.sign(command)); err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return l, nil
}

// waitEvery is how often a lock is tried that somebody holds.
const waitEvery = 20 * time.Millisecond

// Patience says how long to wait for a holder, nil when it is unknown, to let go.
type Patience func(h *Holder) time.Duration

// AcquireWithin is Acquire that waits for a holder to let go, for as long as who
// holds it then is worth. The time of one is not counted against the next, and one
// that takes its name away, to let go in a moment, is unknown from then on.
func AcquireWithin(ctx context.Context, state State, repository, command string, patience Patience) (*Lock, error) {
	var last Holder
	begin := time.Now()
	for {
		l, err := Acquire(state, repository, command)
		held, ok := errors.AsType[*HeldError](err)
		if !ok || patience == nil {
			return l, err
		}
		var now Holder
		if held.Holder != nil {
			now = *held.Holder
		}
		if now != last {
			last, begin = now, time.Now()
		}
		if time.Since(begin) >= patience(held.Holder) {
			return l, err
		}
		select {
		case <-time.After(waitEvery):
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

// Release gives the lock back. A released lock may be released again.
func (l *Lock) Release() error {
	if l.dir == nil {
		return nil
	}
	err := l.state.remove(filepath.Base(l.holder))
	l.state.standDown(l.dir.Name())
	err = errors.Join(err, l.dir.Close())
	l.dir = nil
	return err
}

func (l *Lock) sign(command string) error {
	h := Holder{PID: os.Getpid(), Since: time.Now().UTC(), Command: command, User: userName(), Repository: l.dir.Name()}
	h.Host, _ = os.Hostname() // empty is fine: it only tells people where to look
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	return l.state.write(filepath.Base(l.holder), data)
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprint(os.Getuid())
}

// Tidy removes what killed runs left in the state directory that changed
// nothing: the names of holders that hold nothing any more.
func (s State) Tidy(command string) error {
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+holderSuffix))
	for _, name := range names {
		h := readHolder(name)
		if h == nil || h.Repository == "" || name != filepath.Join(s.dir, key(h.Repository)+holderSuffix) {
			continue
		}
		l, lockErr := Acquire(s.Shared(), h.Repository, command)
		switch {
		case lockErr == nil:
			err = errors.Join(err, l.Release())
		case errors.Is(lockErr, fs.ErrNotExist): // nobody can hold it
			err = errors.Join(err, s.remove(filepath.Base(name)), s.tidy(key(h.Repository)))
		}
	}
	return err
}

const holderSuffix = ".holder.json"

func readHolder(name string) *Holder {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	h := &Holder{}
	if json.Unmarshal(data, h) != nil {
		return nil
	}
	return h
}

// key names the state files of one repository.
func key(real string) string { return atomicfile.Sum([]byte(real))[:16] }
