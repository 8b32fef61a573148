package undo

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// SharedError says that a lock on the repository would prove nothing: another
// machine may hold it too.
type SharedError struct {
	Repository string
	FileSystem string
}

func (e *SharedError) Error() string {
	return fmt.Sprintf("%s lies on %s, where a lock does not keep other machines out (hint: --shared-lock, when you know that nobody else sweeps it)",
		e.Repository, e.FileSystem)
}

// unprovable lists the file systems, by their magic number, on which flock may
// be known to one machine only.
var unprovable = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "NFS",
	unix.SMB_SUPER_MAGIC:  "SMB",
	unix.SMB2_SUPER_MAGIC: "SMB",
	unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.FUSE_SUPER_MAGIC: "FUSE",
	unix.CEPH_SUPER_MAGIC: "CephFS",
	unix.V9FS_MAGIC:       "9p",
	unix.AFS_SUPER_MAGIC:  "AFS",
	0x0BD00BD0:            "Lustre",
	0x47504653:            "GPFS",
}

// fileSystem returns the magic number of the file system of f. Tests replace it.
var fileSystem = func(f *os.File) (uint32, error) {
	var stat unix.Statfs_t
	err := unix.Fstatfs(int(f.Fd()), &stat)
	return uint32(stat.Type), err
}

func provable(dir *os.File, state State) error {
	if state.shared {
		return nil
	}
	magic, err := fileSystem(dir)
	if err != nil {
		return nil // the lock itself will tell
	}
	if name, found := unprovable[magic]; found {
		return &SharedError{Repository: dir.Name(), FileSystem: name}
	}
	return nil
}
