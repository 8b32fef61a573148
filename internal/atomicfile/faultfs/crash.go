package faultfs

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tritonsweep/internal/atomicfile"
)

// Recorder writes down what happens to the files below some directories, so
// that Crash can tell what is left of them when the power goes away.
//
// The model is a strict one: a file's content is durable by fsync of the file,
// a name by fsync of its directory. Of everything later any part may have
// reached the disk: a beginning of what was written, or nothing; any of the
// changes of names, in order, with any others missing.
type Recorder struct {
	base string
	log  []event
}

// event is one change. Names are relative to the base directory.
type event struct {
	op   string
	a, b string // b is the second name of a rename or an exchange
	data []byte
}

// NewRecorder returns a recorder of what lies below base.
func NewRecorder(base string) *Recorder { return &Recorder{base: base} }

// Moments returns how many moments there are at which the power can go away.
func (r *Recorder) Moments() int { return len(r.log) + 1 }

// Open opens a directory below the base.
func (r *Recorder) Open(dir string) (atomicfile.Root, error) {
	real, err := atomicfile.Open(dir)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(r.base, dir)
	if err != nil {
		return nil, err
	}
	return recorded{real, r, rel}, nil
}

func (r *Recorder) add(op, a, b string, data []byte) {
	r.log = append(r.log, event{op, a, b, slices.Clone(data)})
}

type recorded struct {
	atomicfile.Root
	to  *Recorder
	dir string
}

func (d recorded) path(name string) string { return filepath.Join(d.dir, name) }

func (d recorded) Create(name string) (atomicfile.File, error) {
	f, err := d.Root.Create(name)
	if err != nil {
		return nil, err
	}
	d.to.add("create", d.path(name), "", nil)
	return recordedFile{f, d.to, d.path(name)}, nil
}

func (d recorded) Rename(from, to string) error {
	d.to.add("rename", d.path(from), d.path(to), nil)
	return d.Root.Rename(from, to)
}

func (d recorded) Exchange(a, b string) error {
	d.to.add("exchange", d.path(a), d.path(b), nil)
	return d.Root.Exchange(a, b)
}

func (d recorded) Remove(name string) error {
	err := d.Root.Remove(name)
	if err == nil {
		d.to.add("remove", d.path(name), "", nil)
	}
	return err
}

func (d recorded) SyncDir(name string) error {
	d.to.add("syncdir", d.path(name), "", nil)
	return d.Root.SyncDir(name)
}

type recordedFile struct {
	atomicfile.File
	to   *Recorder
	path string
}

func (f recordedFile) Write(data []byte) (int, error) {
	f.to.add("write", f.path, "", data)
	return f.File.Write(data)
}

func (f recordedFile) Sync() error {
	f.to.add("sync", f.path, "", nil)
	return f.File.Sync()
}

// inode is a file of the model.
type inode struct {
	durable, now []byte
	mode         fs.FileMode
}

// names is a directory tree of the model, by full name.
type names map[string]*inode

// change is a change of names that is not durable yet.
type change func(n names)

// Crash makes the directory to as it may look when the power goes away at a
// moment. From holds the files as they were before the first event.
func (r *Recorder) Crash(random *rand.Rand, from, to string, moment int) error {
	disk, err := readTree(from)
	if err != nil {
		return err
	}
	open := names{} // what programs see
	for name, node := range disk {
		open[name] = node
	}
	pending := map[string][]change{} // by directory
	for _, e := range r.log[:moment] {
		if e.op == "syncdir" {
			for _, c := range pending[e.a] {
				c(disk)
			}
			delete(pending, e.a)
			continue
		}
		if c := open.apply(e); c != nil {
			dir := filepath.Dir(e.a)
			pending[dir] = append(pending[dir], c)
		}
	}
	for _, changes := range pending {
		for _, c := range changes {
			if random.IntN(2) == 0 {
				c(disk)
			}
		}
	}
	return disk.write(to, random)
}

// apply lets an event happen to what programs see, and returns what has to
// happen to the names on the disk, if anything.
func (n names) apply(e event) change {
	switch node := n[e.a]; e.op {
	case "create":
		node = &inode{mode: 0o600}
		n[e.a] = node
		return func(d names) { d[e.a] = node }
	case "write":
		node.now = append(slices.Clone(node.now), e.data...)
	case "sync":
		node.durable = node.now
	case "remove":
		delete(n, e.a)
		return func(d names) { delete(d, e.a) }
	case "rename":
		delete(n, e.a)
		n[e.b] = node
		return func(d names) { delete(d, e.a); d[e.b] = node }
	case "exchange":
		other := n[e.b]
		n[e.a], n[e.b] = other, node
		return func(d names) { d[e.a], d[e.b] = other, node }
	}
	return nil
}

func readTree(dir string) (names, error) {
	tree := names{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		tree[strings.TrimPrefix(path, dir+"/")] = &inode{data, data, info.Mode()}
		return nil
	})
	return tree, err
}

func (n names) write(dir string, random *rand.Rand) error {
	for name, node := range n {
		data := node.durable
		if len(node.now) > len(data) && random.IntN(2) == 0 {
			data = node.now[:random.IntN(len(node.now)+1)]
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, node.mode); err != nil {
			return err
		}
	}
	return nil
}
