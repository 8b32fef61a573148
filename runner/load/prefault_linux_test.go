package load

import (
	"os"
	"strings"
	"testing"
)

func TestReadOnlyPart(t *testing.T) {
	for _, c := range []struct {
		line, path string
		from, size uintptr
		ok         bool
	}{
		{"00400000-011f3000 r-xp 00000000 fe:00 99 /usr/bin/a", "/usr/bin/a", 0x400000, 0xdf3000, true},
		{"011f3000-01f53000 r--p 00df3000 fe:00 99 /usr/bin/with a space", "/usr/bin/with a space", 0x11f3000, 0xd60000, true},
		{"01f53000-02059000 rw-p 01b53000 fe:00 99 /usr/bin/a", "/usr/bin/a", 0, 0, false},
		{"7f7020000000-7f7020021000 r--p 00000000 fe:00 7 /usr/lib/b", "/usr/bin/a", 0, 0, false},
		{"7ffeffd3e000-7ffeffd5f000 r--p 00000000 00:00 0", "/usr/bin/a", 0, 0, false},
		{"none r--p 00000000 fe:00 99 /usr/bin/a", "/usr/bin/a", 0, 0, false},
	} {
		from, size, ok := readOnlyPart(c.line, c.path)
		if from != c.from || size != c.size || ok != c.ok {
			t.Errorf("%q: %x, %x, %t", c.line, from, size, ok)
		}
	}
}

// TestPrefault: afterwards all of the program that is only read is in memory.
func TestPrefault(t *testing.T) {
	prefault()
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inside, parts := false, 0
	var size string
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		switch {
		case strings.Contains(fields[0], "-"):
			_, _, inside = readOnlyPart(line, path)
		case inside && fields[0] == "Size:":
			size = fields[1]
		case inside && fields[0] == "Rss:":
			if parts++; fields[1] != size {
				t.Errorf("%s kB of %s kB are in memory", fields[1], size)
			}
		}
	}
	if parts == 0 {
		t.Error("no part of the program was found")
	}
}
