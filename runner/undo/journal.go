package undo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tritonsweep/internal/atomicfile"
)

// version of the journal's format. An older one is read, a newer one refused.
const version = 3

// maxConfig bounds a config file; Triton's own limits are far below.
const maxConfig = 1 << 20

// Reference says which server serves the repository, so that a later process
// can bring it back.
type Reference struct {
	ContainerID   string `json:"container_id,omitempty"`
	ContainerName string `json:"container_name,omitempty"`
	GRPC          string `json:"grpc,omitempty"`
	Mode          string `json:"mode"`
	// Simulated servers end with their run: there is nothing to bring back.
	Simulated bool `json:"simulated,omitempty"`
	// Scratch tells that the repository is a copy that the run made for itself.
	Scratch bool `json:"scratch,omitempty"`
}

// Entry is one file of the journal.
type Entry struct {
	Model    string              `json:"model"`
	Original atomicfile.Snapshot `json:"original"`
	// Written holds the hashes of everything that we were about to write.
	Written []string `json:"written,omitempty"`
	// Conflict tells that the original is kept for its owner.
	Conflict bool `json:"conflict,omitempty"`
}

// Phase says how far the restoring got.
type Phase string

// The phases of a journal.
const (
	Armed    Phase = "armed"    // files may have been changed
	Restored Phase = "restored" // files are back; the server is not verified
	// Committed: what was written stays, only the history may lack it.
	Committed Phase = "committed"
)

// Document is the content of a journal.
type Document struct {
	Version    int       `json:"version"`
	Run        string    `json:"run"`
	Holder     Holder    `json:"holder"`
	Repository string    `json:"repository"` // links resolved
	Server     Reference `json:"server"`
	Phase      Phase     `json:"phase"`
	Touched    bool      `json:"touched"` // the server may run something else than the originals
	Files      []Entry   `json:"files"`
	// Overrides are the models of a run that leaves the files alone.
	Overrides []Override `json:"overrides,omitempty"`
	// Stays is what the history is to say of a committed change.
	Stays *Applied `json:"stays,omitempty"`
}

// Journal is the durable memory of a run: the untouched files, and what was
// written over them.
type Journal struct {
	Document
	state State
	path  string
	root  atomicfile.Root
	// places knows the directories that the files lay in when the run began.
	places map[string]os.FileInfo
}

type envelope struct {
	SHA256  string          `json:"sha256"`
	Journal json.RawMessage `json:"journal"`
}

// Begin reads the configs of the models and writes the journal. The repository
// must be locked. Files are named relative to it, by model.
func Begin(l *Lock, run string, server Reference, files map[string]string) (*Journal, error) {
	j, err := l.blank(run, server)
	if err != nil {
		return nil, err
	}
	for model, name := range files {
		s, err := atomicfile.Read(j.root, name, maxConfig)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reading model config: %w", err), j.Close())
		}
		j.Files = append(j.Files, Entry{Model: model, Original: s})
	}
	slices.SortFunc(j.Files, func(a, b Entry) int { return strings.Compare(a.Model, b.Model) })
	if err := j.save(); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the journal: %w", err), j.Close())
	}
	if err := j.provide(); err != nil {
		return nil, errors.Join(err, j.Finish())
	}
	return j, nil
}

// blank is the journal of a run of which nothing is known yet.
func (l *Lock) blank(run string, server Reference) (*Journal, error) {
	repository := l.dir.Name()
	root, err := l.state.open(repository)
	if err != nil {
		return nil, fmt.Errorf("opening the repository: %w", err)
	}
	j := &Journal{state: l.state, path: journalPath(l.state, l.key), root: root}
	j.Document = Document{Version: version, Run: run, Repository: repository, Server: server, Phase: Armed}
	if h := readHolder(l.holder); h != nil {
		j.Holder = *h
	}
	return j, nil
}

// provide makes sure that a disk that fills up, a newer format or a replaced
// directory does not come between the files and their restoring: copies of the
// originals that people can read, space beside the configs, and a memory of
// where they lie.
func (j *Journal) provide() error {
	var err error
	for i := range j.Files {
		e := &j.Files[i]
		if err := j.state.write(filepath.Base(j.backup(e)), e.Original.Data); err != nil {
			return fmt.Errorf("keeping the original of %s: %w", e.Model, err)
		}
		if _, err := atomicfile.Reserve(j.root, e.Original.Target, reserve+2*len(e.Original.Data)); err != nil {
			return err
		}
	}
	j.places, err = j.look()
	return err
}

// reserve is the least that is kept free beside a config, in bytes.
const reserve = 4 << 10

// Entry returns the entry of a model, or nil.
func (j *Journal) Entry(model string) *Entry {
	for i := range j.Files {
		if j.Files[i].Model == model {
			return &j.Files[i]
		}
	}
	return nil
}

// Touch notes durably that the server may run something else than the
// originals, for changes that leave the disk alone.
func (j *Journal) Touch() error {
	if j.Touched {
		return nil
	}
	j.Touched = true
	if err := j.save(); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// MarkRestored notes durably that the files are back.
func (j *Journal) MarkRestored() error {
	j.Phase = Restored
	return j.save()
}

// Finish removes the journal: the files are back and the server runs them.
func (j *Journal) Finish() error {
	var errs []error
	for i := range j.Files {
		e := &j.Files[i]
		if !e.Conflict {
			errs = append(errs, j.state.remove(filepath.Base(j.backup(e))))
		}
		if len(e.Written) == 0 { // else Restore has cleaned up
			errs = append(errs, j.sweepUp(e))
		}
	}
	errs = append(errs, j.state.tidy(j.Run+"."))
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, j.Close()) // the journal stays, for the next start
	}
	return errors.Join(j.state.remove(filepath.Base(j.path)), j.Close())
}

// Discard removes the journal of a run whose repository is no more.
func Discard(state State, doc Document) error {
	k := key(doc.Repository)
	j := &Journal{Document: doc, state: state, path: journalPath(state, k)}
	return errors.Join(j.Finish(), state.remove(k+holderSuffix), state.tidy(k))
}

// Close gives the files back and leaves the journal on disk.
func (j *Journal) Close() error {
	if j.root == nil {
		return nil
	}
	return j.root.Close()
}

// Key names the repository of the journal in the state directory.
func (j *Journal) Key() string { return strings.TrimSuffix(filepath.Base(j.path), journalSuffix) }

// Path returns where the journal lies.
func (j *Journal) Path() string { return j.path }

func (j *Journal) save() error {
	body, err := json.Marshal(j.Document)
	if err != nil {
		return err
	}
	data, err := json.Marshal(envelope{SHA256: atomicfile.Sum(body), Journal: body})
	if err != nil {
		return err
	}
	return j.state.write(filepath.Base(j.path), data)
}

// Pending returns the journals of runs that did not end: their repositories
// are to be restored, unless their process still lives (then Acquire fails).
func Pending(state State) ([]*Journal, error) {
	names, err := filepath.Glob(filepath.Join(state.dir, "*"+journalSuffix))
	if err != nil {
		return nil, err
	}
	var out []*Journal
	for _, name := range names {
		doc, err := read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its run ended while we looked
		}
		if err != nil {
			return out, err
		}
		out = append(out, &Journal{Document: doc, state: state, path: name})
	}
	return out, nil
}

// PendingOf returns the journal of one repository, or nil.
func PendingOf(state State, key string) (*Document, error) {
	doc, err := read(journalPath(state, key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &doc, err
}

// Resume reads the journal of the locked repository; nil when there is none.
func Resume(l *Lock) (*Journal, error) {
	name := journalPath(l.state, l.key)
	doc, err := read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	root, err := l.state.open(l.dir.Name())
	if err != nil {
		return nil, fmt.Errorf("opening the repository: %w", err)
	}
	return &Journal{Document: doc, state: l.state, path: name, root: root}, nil
}

func read(name string) (Document, error) {
	var doc Document
	data, err := os.ReadFile(name)
	if err != nil {
		return doc, err
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return doc, fmt.Errorf("%s: damaged journal: %w", name, err)
	}
	if atomicfile.Sum(e.Journal) != e.SHA256 {
		return doc, fmt.Errorf("%s: damaged journal: the checksum does not match", name)
	}
	if err := json.Unmarshal(e.Journal, &doc); err != nil {
		return doc, fmt.Errorf("%s: damaged journal: %w", name, err)
	}
	if doc.Version > version {
		return doc, fmt.Errorf("%s: written by a newer tritonsweep (format %d, this one knows %d; hint: use that one to restore; the originals are %s)", name, doc.Version, version, backups(name, doc.Run))
	}
	return doc, nil
}

// backups names where the originals of a journal lie, for people.
func backups(journal, run string) string {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(journal), run+".*."+configName))
	if err != nil || len(names) == 0 || run == "" {
		return "in it, base64"
	}
	return strings.Join(names, " ")
}

const journalSuffix = ".journal.json"

func journalPath(s State, key string) string {
	return filepath.Join(s.dir, key+journalSuffix)
}

// Age returns how long ago the run of the journal began.
func (j *Journal) Age(now time.Time) time.Duration { return now.Sub(j.Holder.Since) }
