package tritonconfig

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"equal", "a\n", "a\n", ""},
		{"both empty", "", "", ""},
		{"one line", "a\n", "b\n", "@@ -1 +1 @@\n-a\n+b\n"},
		{"from empty", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"to empty", "a\n", "", "@@ -1 +0,0 @@\n-a\n"},
		{"context", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
			"@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"shared context", "x\n2\n3\n4\n5\n6\n7\nx\n", "y\n2\n3\n4\n5\n6\n7\ny\n",
			"@@ -1,8 +1,8 @@\n-x\n+y\n 2\n 3\n 4\n 5\n 6\n 7\n-x\n+y\n"},
		{"two hunks", "x\n2\n3\n4\n5\n6\n7\n8\nx\n", "y\n2\n3\n4\n5\n6\n7\n8\ny\n",
			"@@ -1,4 +1,4 @@\n-x\n+y\n 2\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-x\n+y\n"},
		{"inserted and removed", "a\nb\nc\n", "a\nc\nd\n", "@@ -1,3 +1,3 @@\n a\n-b\n c\n+d\n"},
		{"no newline at both ends", "a", "b", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n"},
		{"newline added", "a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{"no newline in the context", "a\nb", "x\nb", "@@ -1,2 +1,2 @@\n-a\n+x\n b\n\\ No newline at end of file\n"},
		{"line break changed", "a\r\n", "a\n", "@@ -1 +1 @@\n-a\r\n+a\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if want != "" {
				want = "--- old\n+++ new\n" + want
			}
			if got := Diff("old", "new", []byte(c.old), []byte(c.new)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The tools that people apply patches with must agree with us.
func TestDiffApplies(t *testing.T) {
	apply := map[string][]string{
		"patch": {"patch", "-p0", "--binary", "-s", "-i", "change.patch"},
		"git":   {"git", "apply", "-p0", "--whitespace=nowarn", "change.patch"},
	}
	for tool, command := range apply {
		t.Run(tool, func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("%s is not installed", tool)
			}
			for _, name := range []string{"config.pbtxt", "my model/config.pbtxt"} {
				for _, c := range patchCases() {
					dir := t.TempDir()
					file := filepath.Join(dir, filepath.FromSlash(name))
					must(t, os.MkdirAll(filepath.Dir(file), 0o755))
					must(t, os.WriteFile(file, c[0], 0o644))
					must(t, os.WriteFile(filepath.Join(dir, "change.patch"), []byte(Diff(name, name, c[0], c[1])), 0o644))
					cmd := exec.Command(command[0], command[1:]...)
					cmd.Dir = dir
					cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL="+os.DevNull)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Fatalf("%v: %s\n%s", err, out, Diff(name, name, c[0], c[1]))
					}
					got, err := os.ReadFile(file)
					must(t, err)
					if !bytes.Equal(got, c[1]) {
						t.Errorf("%q became %q, want %q", c[0], got, c[1])
					}
				}
			}
		})
	}
}

func patchCases() [][2][]byte {
	long := strings.Repeat("line\n", 40)
	texts := [][2]string{
		{"a\nb\nc\n", "a\nx\nc\n"},
		{"a\nb", "a\nc"},
		{"a\nb", "a\nb\n"},
		{"a\nb\n", "a\nb"},
		{"a\r\nb\r\n", "a\r\nc\r\n"},
		{"a\r\nb", "a\r\nc"},
		{long + "end\n", "start\n" + long + "fin\n"},
		{"\xc4\xe3\nb\n", "\xc4\xe3\nc\n"},
		{"--- a\n+++ b\n", "--- a\n@@ -1 +1 @@\n"},
	}
	var out [][2][]byte
	for _, t := range texts {
		out = append(out, [2][]byte{[]byte(t[0]), []byte(t[1])})
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A diff holds both texts: dropping the added lines gives the old one, and
// dropping the removed lines the new one.
func TestScriptHoldsBothTexts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n", "a\r\n"}), 0, 30)
		a, b := lines.Draw(r, "old"), lines.Draw(r, "new")
		var old, new strings.Builder
		for _, o := range script(a, b) {
			if o.mark != '+' {
				old.WriteString(o.line)
			}
			if o.mark != '-' {
				new.WriteString(o.line)
			}
		}
		if old.String() != strings.Join(a, "") || new.String() != strings.Join(b, "") {
			r.Fatalf("script of %q and %q holds %q and %q", a, b, old.String(), new.String())
		}
	})
}

// Texts too different for the table are replaced whole, correctly.
func TestDiffOfLargeTexts(t *testing.T) {
	var old, new strings.Builder
	for i := range 3000 {
		old.WriteString(strings.Repeat("a", i%7) + "\n")
		new.WriteString(strings.Repeat("b", i%5) + "\n")
	}
	diff := Diff("a", "b", []byte(old.String()), []byte(new.String()))
	if removed := strings.Count(diff, "\n-"); removed < 2400 {
		t.Errorf("%d lines removed", removed)
	}
}
