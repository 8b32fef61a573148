package runner

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"tritonsweep/tritonconfig"
)

const (
	// copyBelow is the size below which a file beside the config is copied into a
	// private repository; larger ones, and the versions with the models' weights,
	// are shown there by a mount, since they never change and may be huge.
	copyBelow = 1 << 20
	// mostCopied bounds what a private repository may take, whatever the files say.
	mostCopied = 1 << 30
	// spare is what must stay free on the disk beside the copies.
	spare = 16 << 20
)

// PrivateModels lays out the directory to as a repository with the same models as
// from: configs and small files are copies, everything else is an empty place
// for a mount of the original, whose paths relative to the repository are
// returned. So it needs next to no space, across file systems too, and nobody
// can change the original's weights through it. The space is checked first.
func PrivateModels(from *os.Root, to string) (mounts []string, err error) {
	l := layout{from: from}
	if err := l.survey(); err != nil {
		return nil, fmt.Errorf("laying out a private repository: %w", err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return nil, fmt.Errorf("laying out a private repository: %w", err)
	}
	if err := enough(to, l.bytes); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, e := range l.entries {
		if err := e.make(from, root); err != nil {
			return nil, fmt.Errorf("laying out a private repository: %s: %w", e.name, err)
		}
		if e.mount {
			mounts = append(mounts, e.name)
		}
	}
	return mounts, nil
}

// layout is what a private repository will hold.
type layout struct {
	from    *os.Root
	entries []entry
	bytes   int64
}

type entry struct {
	name  string
	info  fs.FileInfo
	mount bool
}

func (l *layout) survey() error {
	models, err := fs.ReadDir(l.from.FS(), ".")
	if err != nil {
		return err
	}
	for _, m := range models {
		if tritonconfig.CheckModelName(m.Name()) != nil || !m.IsDir() && m.Type()&fs.ModeSymlink == 0 {
			continue // Triton takes directories for models, and nothing else
		}
		if err := l.add(m, m.Name(), false); err != nil {
			return err
		}
		if !m.IsDir() {
			continue
		}
		files, err := fs.ReadDir(l.from.FS(), m.Name())
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := l.add(f, path.Join(m.Name(), f.Name()), f.IsDir() && f.Name() != "configs"); err != nil {
				return err
			}
		}
	}
	if l.bytes > mostCopied {
		return fmt.Errorf("the configs and small files of the repository take more than %d MiB", mostCopied>>20)
	}
	return nil
}

// add notes an entry. A link stays a link: in the copy of the container it leads
// where it leads in the original.
func (l *layout) add(d fs.DirEntry, name string, mount bool) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	kind := info.Mode().Type()
	if kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink {
		return nil // sockets, pipes, devices: none of a model's
	}
	if info.Mode().IsRegular() {
		mount = info.Size() >= copyBelow && path.Base(name) != tritonconfig.ConfigName
		if !mount {
			l.bytes += info.Size()
		}
	}
	l.entries = append(l.entries, entry{name, info, mount})
	return nil
}

func (e entry) make(from, to *os.Root) error {
	switch mode := e.info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		target, err := from.Readlink(e.name)
		if err != nil {
			return err
		}
		return to.Symlink(target, e.name)
	case mode.IsDir():
		return to.Mkdir(e.name, mode.Perm()|0o700)
	case e.mount: // a file to mount over
		f, err := to.OpenFile(e.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode.Perm())
		if err != nil {
			return err
		}
		return f.Close()
	}
	return copyFile(from, to, e)
}

func copyFile(from, to *os.Root, e entry) (err error) {
	in, err := from.Open(e.name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := to.OpenFile(e.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, e.info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, io.LimitReader(in, max(e.info.Size(), copyBelow))); err != nil {
		_ = out.Close() // the first error says more
		return err
	}
	return out.Close()
}

// enough tells whether a file system has room for the bytes.
func enough(dir string, bytes int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("asking for the free space of %s: %w", dir, err)
	}
	if free := int64(s.Bavail) * s.Bsize; free < bytes+spare {
		return fmt.Errorf("%s has %d MiB free, a private repository needs %d MiB: %w", dir, free>>20, (bytes+spare)>>20, unix.ENOSPC)
	}
	return nil
}
