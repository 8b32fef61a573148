package load

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// prefault brings this program's code and constants into memory, once. They come
// page by page otherwise, when they are first needed: a client that waits for a
// disk in the middle of a window measures its disk, and one whose code is still coming
// seems to grow. Kernels before 5.14 do not know how, and nothing is lost.
var prefault = sync.OnceFunc(func() {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		if from, size, ok := readOnlyPart(line, path); ok {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, size, unix.MADV_POPULATE_READ)
		}
	}
})

// readOnlyPart reads a line of /proc/self/maps and returns where a mapping of a file
// lies, bytes; ok is false for other files, and for what is written to.
func readOnlyPart(line, path string) (from, size uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || strings.Contains(fields[1], "w") || strings.Join(fields[5:], " ") != path {
		return 0, 0, false
	}
	low, high, _ := strings.Cut(fields[0], "-")
	begin, err1 := strconv.ParseUint(low, 16, 64)
	end, err2 := strconv.ParseUint(high, 16, 64)
	if err1 != nil || err2 != nil || end <= begin {
		return 0, 0, false
	}
	return uintptr(begin), uintptr(end - begin), true
}
