package tritonconfig

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"google.golang.org/protobuf/proto"
)

var update = flag.Bool("update", false, "rewrite the want and notes of testdata/edit")

// TestGolden runs the edits of testdata/edit. Each file is a txtar archive:
// the comment says what it shows and ends in one command, "apply delay=1000
// preferred=4,8 count=2 group=#1 max=16", "set PATH VALUE" or "unset PATH", and
// perhaps in a line "flags crlf cr nofinal bytes"; then come the file in, the
// file want (absent: nothing changes) and the notes, or the error.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/edit/*.txtar")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files (%v), want at least 60", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			golden(t, name)
		})
	}
}

func golden(t *testing.T, name string) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	command, flags := commandOf(string(ar.Comment))
	part := map[string][]byte{}
	for _, f := range ar.Files {
		part[f.Name] = f.Data
	}
	in := mustParse(t, string(disguise(part["in"], flags)))
	out, notes, err := execute(t, in, command)
	if err != nil {
		compare(t, "error", err.Error()+"\n", string(part["error"]))
		return
	}
	if *update {
		rewrite(t, name, ar, in, out, notes, flags)
		return
	}
	if part["error"] != nil {
		t.Fatalf("no error, want %s", part["error"])
	}
	want := part["want"]
	if want == nil {
		want = part["in"]
		if out != in {
			t.Error("nothing to change, but not the same File")
		}
	}
	compare(t, "text", string(out.Bytes()), string(disguise(want, flags)))
	compare(t, "notes", printNotes(notes), string(part["notes"]))
	check(t, in, out, command)
}

// check holds the result against an independent reader: the message of the
// input with the fields set that the command names.
func check(t *testing.T, in, out *File, command []string) {
	if command[0] != "apply" {
		return
	}
	want, err := oracle(in.Bytes())
	if err != nil {
		return // wider than the oracle's grammar
	}
	got, err := oracle(out.Bytes())
	if err != nil {
		t.Fatal("oracle:", err)
	}
	impose(want, in, settingsOf(t, command[1:]))
	if !proto.Equal(got, want) {
		t.Errorf("means %v\nwant  %v", got, want)
	}
}

func commandOf(comment string) (command []string, flags string) {
	for line := range strings.Lines(comment) {
		switch words := strings.Fields(line); {
		case len(words) == 0:
		case words[0] == "flags":
			flags = line
		case words[0] == "set":
			command = append(words[:2:2], strings.Join(words[2:], " "))
		case words[0] == "apply" || words[0] == "unset":
			command = words
		}
	}
	return command, flags
}

// disguise turns the text of an archive, which has plain line ends, into what
// the flags say.
func disguise(text []byte, flags string) []byte {
	if strings.Contains(flags, "nofinal") {
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	if strings.Contains(flags, "bytes") {
		text = bytes.ReplaceAll(text, []byte("é"), []byte{0xc4, 0xe3})
	}
	if strings.Contains(flags, "crlf") {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	} else if strings.Contains(flags, "cr") {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r"))
	}
	return text
}

func execute(t *testing.T, f *File, command []string) (*File, []Note, error) {
	switch command[0] {
	case "set":
		return f.Set(command[1], command[2])
	case "unset":
		return f.Unset(command[1])
	}
	return f.Apply(settingsOf(t, command[1:]))
}

func settingsOf(t *testing.T, words []string) Settings {
	var s Settings
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, word := range words {
		switch key, text, _ := strings.Cut(word, "="); key {
		case "delay":
			s.MaxQueueDelay = Ptr(uint64(number(text)))
		case "preferred":
			s.PreferredBatchSizes = []int{}
			for size := range strings.SplitSeq(text, ",") {
				if size != "" {
					s.PreferredBatchSizes = append(s.PreferredBatchSizes, number(size))
				}
			}
		case "count":
			s.InstanceCount = Ptr(number(text))
		case "group":
			s.InstanceGroup = text
		case "max":
			s.MaxBatchSize = Ptr(number(text))
		default:
			t.Fatalf("unknown setting %q", word)
		}
	}
	return s
}

func compare(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s\ndiff:\n%s", what, got, want, Diff("want", "got", []byte(want), []byte(got)))
	}
}

func printNotes(notes []Note) string {
	var out strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&out, "%d: %s\n", n.Line, n.Text)
	}
	return out.String()
}

func rewrite(t *testing.T, name string, ar *txtar.Archive, in, out *File, notes []Note, flags string) {
	ar.Files = ar.Files[:1]
	if out != in {
		text := bytes.ReplaceAll(out.Bytes(), []byte("\r\n"), []byte("\n"))
		text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
		text = bytes.ReplaceAll(text, []byte{0xc4, 0xe3}, []byte("é"))
		ar.Files = append(ar.Files, txtar.File{Name: "want", Data: text})
	}
	if len(notes) > 0 {
		ar.Files = append(ar.Files, txtar.File{Name: "notes", Data: []byte(printNotes(notes))})
	}
	if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A refusal must be typed: a caller decides by it.
func TestGoldenErrorsAreTyped(t *testing.T) {
	f := mustParse(t, "max_batch_size: 4\n")
	_, _, err := f.Apply(Settings{PreferredBatchSizes: []int{8}})
	var rule *RuleError
	if !errors.As(err, &rule) || rule.Rule != RulePreferredMax {
		t.Errorf("error %v", err)
	}
	_, _, err = f.Set("max_batch", "8")
	var path *PathError
	if !errors.As(err, &path) || path.Path != "max_batch" {
		t.Errorf("error %v", err)
	}
}

// goldenInputs returns the files in of testdata/edit.
func goldenInputs(t testing.TB) [][]byte {
	files, err := filepath.Glob("testdata/edit/*.txtar")
	must(t, err)
	var out [][]byte
	for _, name := range files {
		ar, err := txtar.ParseFile(name)
		must(t, err)
		_, flags := commandOf(string(ar.Comment))
		out = append(out, disguise(ar.Files[0].Data, flags))
	}
	return out
}
