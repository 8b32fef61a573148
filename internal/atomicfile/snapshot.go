package atomicfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"time"
)

// maxLinks bounds the chain of symbolic links that is followed.
const maxLinks = 16

// Snapshot is a file as it was: enough to put it back byte for byte with its
// mode, owner, extended attributes, times and link.
type Snapshot struct {
	Name    string      `json:"name"`   // as asked for, relative to the root
	Target  string      `json:"target"` // where the bytes lie, links resolved
	Data    []byte      `json:"data"`
	SHA256  string      `json:"sha256"`
	Mode    fs.FileMode `json:"mode"`
	UID     int         `json:"uid"`
	GID     int         `json:"gid"`
	ModTime time.Time   `json:"mod_time"`
	// AccessTime is put back, but not compared: reading changes it.
	AccessTime time.Time         `json:"access_time"`
	Xattrs     map[string][]byte `json:"xattrs,omitempty"`
	Links      uint64            `json:"links"` // hard links to the target
}

// Sum returns the hash by which contents are compared, in hex.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Read takes a snapshot of the file name below root; at most limit bytes.
func Read(root Root, name string, limit int64) (Snapshot, error) {
	target, err := resolve(root, name)
	if err != nil {
		return Snapshot{}, err
	}
	f, err := root.Open(target)
	if err != nil {
		return Snapshot{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Snapshot{}, err
	}
	if !info.Mode().IsRegular() {
		return Snapshot{}, fmt.Errorf("%s: not a regular file (%s)", name, info.Mode().Type())
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return Snapshot{}, err
	}
	if int64(len(data)) > limit {
		return Snapshot{}, fmt.Errorf("%s: larger than %d bytes", name, limit)
	}
	xattrs, err := f.Xattrs()
	if err != nil {
		return Snapshot{}, fmt.Errorf("%s: reading extended attributes: %w", name, err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return Snapshot{
		Name: name, Target: target, Data: data, SHA256: Sum(data),
		Mode: info.Mode(), UID: int(stat.Uid), GID: int(stat.Gid),
		ModTime: info.ModTime(), AccessTime: time.Unix(stat.Atim.Unix()), Xattrs: xattrs, Links: uint64(stat.Nlink),
	}, nil
}

// Differences names the attributes in which o differs from s, content
// included; empty means that o is s put back.
func (s Snapshot) Differences(o Snapshot) []string {
	var out []string
	differ := func(name string, same bool) {
		if !same {
			out = append(out, name)
		}
	}
	differ("content", s.SHA256 == o.SHA256)
	differ("mode", s.Mode == o.Mode)
	differ("owner", s.UID == o.UID && s.GID == o.GID)
	differ("link", s.Target == o.Target)
	differ("modification time", s.ModTime.Equal(o.ModTime))
	same := len(s.Xattrs) == len(o.Xattrs)
	for name, value := range s.Xattrs {
		same = same && slices.Equal(value, o.Xattrs[name])
	}
	differ("extended attributes", same)
	return out
}

// imprint gives f the owner, mode and extended attributes of s. The owner comes
// first: changing it clears the set-user-ID bits of the mode.
func (s Snapshot) imprint(f File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t)
	if int(stat.Uid) != s.UID || int(stat.Gid) != s.GID {
		if err := f.Chown(s.UID, s.GID); err != nil {
			return fmt.Errorf("keeping the owner %d:%d: %w", s.UID, s.GID, err)
		}
	}
	if err := s.imprintXattrs(f); err != nil {
		return err
	}
	return f.Chmod(s.Mode)
}

// imprintXattrs also takes away what the new file got from its directory, such
// as a default ACL.
func (s Snapshot) imprintXattrs(f File) error {
	given, err := f.Xattrs()
	if err != nil {
		return err
	}
	for name := range given {
		if _, wanted := s.Xattrs[name]; wanted {
			continue
		}
		if err := f.RemoveXattr(name); err != nil {
			return fmt.Errorf("removing the attribute %s: %w", name, err)
		}
	}
	for name, value := range s.Xattrs {
		if have, ok := given[name]; ok && slices.Equal(have, value) {
			continue // security labels often cannot be set, only inherited
		}
		if err := f.SetXattr(name, value); err != nil {
			return fmt.Errorf("keeping the attribute %s: %w", name, err)
		}
	}
	return nil
}

// resolve follows the symbolic links of the last element of name, inside root.
// A link that leads out of the root is an error.
func resolve(root Root, name string) (string, error) {
	start := name
	for range maxLinks {
		info, err := root.Lstat(name)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return name, nil
		}
		to, err := root.Readlink(name)
		if err != nil {
			return "", err
		}
		if path.IsAbs(to) || !fs.ValidPath(path.Join(path.Dir(name), to)) {
			return "", fmt.Errorf("%s: the symbolic link leads out of the repository, to %s (hint: tune the file where it lies, or copy it into the repository)", start, to)
		}
		name = path.Join(path.Dir(name), to)
	}
	return "", fmt.Errorf("%s: more than %d symbolic links", start, maxLinks)
}
