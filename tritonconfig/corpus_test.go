package tritonconfig

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"unicode"

	"google.golang.org/protobuf/proto"
)

// TestCorpus runs the editor over real configs that are not ours to ship:
// TRITONSWEEP_CORPUS names a directory with the files, INDEX.tsv (file and
// class) and EDITS.jsonl (edits that people made). It prints what it counted.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("TRITONSWEEP_CORPUS")
	if dir == "" {
		t.Skip("TRITONSWEEP_CORPUS names no directory: make corpus CORPUS=DIR")
	}
	c := &corpus{T: t, dir: dir, counts: map[string][2]int{}}
	c.files()
	c.edits()
	c.report()
}

type corpus struct {
	*testing.T
	dir    string
	counts map[string][2]int // passed, all
}

// count counts one check, and fails the test if it did not hold.
func (c *corpus) count(check, file string, err error) bool {
	n := c.counts[check]
	n[1]++
	if err == nil {
		n[0]++
	} else {
		c.Errorf("%s: %s: %v", check, file, err)
	}
	c.counts[check] = n
	return err == nil
}

func (c *corpus) report() {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, check := range slices.Sorted(maps.Keys(c.counts)) {
		fmt.Fprintf(w, "%s\t%d\tof\t%d\n", check, c.counts[check][0], c.counts[check][1])
	}
	must(c, w.Flush())
	c.Logf("\n%s", &out)
}

func (c *corpus) files() {
	index, err := os.Open(filepath.Join(c.dir, "INDEX.tsv"))
	must(c, err)
	defer index.Close()
	lines := bufio.NewScanner(index)
	for lines.Scan() {
		column := strings.Split(lines.Text(), "\t")
		if len(column) < 7 || column[0] == "file" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(c.dir, column[0]))
		must(c, err)
		f, err := Parse(column[0], data)
		switch class := column[6]; class {
		case "template", "invalid":
			c.count("refused with a position: "+class, column[0], wantRefusal(err, class))
		default:
			if c.count("parsed: "+class, column[0], err) {
				c.file(f, data)
			}
		}
	}
	must(c, lines.Err())
}

func wantRefusal(err error, class string) error {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return fmt.Errorf("accepted")
	case e.Line < 1 || e.Column < 1:
		return fmt.Errorf("no position: %w", err)
	case (e.Placeholder != "") != (class == "template"):
		return fmt.Errorf("placeholder %q: %w", e.Placeholder, err)
	}
	return nil
}

func (c *corpus) file(f *File, data []byte) {
	c.count("printed as read", f.name, same(f.Bytes(), data))
	g, _, err := f.Apply(f.Settings())
	if err == nil && g != f {
		err = errors.New("changed")
	}
	c.count("own values change nothing", f.name, err)
	for i := range max(1, len(f.Groups())) {
		c.knobs(f, i)
	}
}

func same(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return errors.New("other bytes:\n" + Diff("want", "got", want, got))
	}
	return nil
}

// knobs sets delay, preferred sizes and the count of one group.
func (c *corpus) knobs(f *File, group int) {
	s := Settings{
		MaxQueueDelay:       Ptr(f.config.GetDynamicBatching().GetMaxQueueDelayMicroseconds() + 777),
		PreferredBatchSizes: []int{1},
		InstanceCount:       Ptr(7),
		InstanceGroup:       fmt.Sprintf("#%d", group),
	}
	if slices.Equal(f.config.GetDynamicBatching().GetPreferredBatchSize(), []int32{1}) {
		s.PreferredBatchSizes = []int{}
	}
	_, _, err := f.Apply(s)
	var rule *RuleError
	switch {
	case f.config.GetEnsembleScheduling() != nil:
		c.count("refused with the rule: ensemble", f.name, wantRule(err, RuleOneScheduler))
		return
	case f.config.GetSequenceBatching() != nil:
		c.count("refused with the rule: sequence batching", f.name, wantRule(err, RuleOneScheduler))
		s = Settings{InstanceCount: s.InstanceCount, InstanceGroup: s.InstanceGroup}
	case f.config.MaxBatchSize < 1:
		c.count("refused with the rule: max_batch_size 0 or absent", f.name, wantRule(err, RuleNeedsMaxBatch))
		s = Settings{InstanceCount: s.InstanceCount, InstanceGroup: s.InstanceGroup}
	case errors.As(err, &rule):
		c.count("three knobs set", f.name, err)
		return
	}
	name := "three knobs set"
	if s.MaxQueueDelay == nil {
		name = "count set where no more can be"
	}
	if g := c.set(name, f, s); g != nil {
		c.undo(f, g, s)
	}
}

func wantRule(err error, name string) error {
	var rule *RuleError
	if errors.As(err, &rule) && rule.Rule == name {
		return nil
	}
	return fmt.Errorf("error %w, want rule %s", err, name)
}

// set applies s and compares the messages, both read by Go's own parser.
func (c *corpus) set(check string, f *File, s Settings) *File {
	g, _, err := f.Apply(s)
	if !c.count(check, f.name, err) {
		return nil
	}
	want, err := oracle(f.Bytes())
	must(c, err)
	impose(want, f, s)
	got, err := oracle(g.Bytes())
	if err == nil && !proto.Equal(got, want) {
		err = errors.New("another message:\n" + Diff("old", "new", f.src, g.src))
	}
	c.count("only that changed, read by prototext", f.name, err)
	for _, comment := range f.comments {
		if !bytes.Contains(g.src, f.src[comment.from:comment.to]) {
			err = fmt.Errorf("lost %s", comment.text(f.src))
		}
	}
	c.count("every comment is still there", f.name, err)
	return g
}

// undo goes back in two ways: by the reverse patch, and by the old settings if
// the file set all values that changed.
func (c *corpus) undo(f, g *File, s Settings) {
	c.count("undone by patch", f.name, c.patch(g.src, f.src))
	old := f.Settings()
	inserted := s.MaxQueueDelay != nil && (old.MaxQueueDelay == nil || old.PreferredBatchSizes == nil) ||
		old.InstanceCount == nil
	if inserted || len(s.PreferredBatchSizes) == 0 && s.PreferredBatchSizes != nil {
		return
	}
	back, _, err := g.Apply(old)
	if err == nil {
		err = same(back.Bytes(), f.src)
	}
	c.count("undone by the old values", f.name, err)
}

func (c *corpus) patch(from, to []byte) error {
	if _, err := exec.LookPath("git"); err != nil {
		return err
	}
	dir := c.TempDir()
	must(c, os.WriteFile(filepath.Join(dir, ConfigName), from, 0o644))
	cmd := exec.Command("git", "apply", "-p0", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(Diff(ConfigName, ConfigName, from, to))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(dir, ConfigName))
	must(c, err)
	return same(got, to)
}

// edit is a line of EDITS.jsonl.
type edit struct {
	Kind, Repo, Path string
	Old, New         string
	Changes          [][2]string
}

// edits repeats the edits of people that changed values only.
func (c *corpus) edits() {
	file, err := os.Open(filepath.Join(c.dir, "EDITS.jsonl"))
	must(c, err)
	defer file.Close()
	for lines := json.NewDecoder(file); lines.More(); {
		var e edit
		must(c, lines.Decode(&e))
		if e.Kind != "value-only" {
			continue
		}
		name := e.Repo + "/" + e.Path
		f, err := Parse(name, []byte(e.Old))
		var refused *Error
		switch {
		case errors.As(err, &refused) && refused.Placeholder != "":
			c.count("edit of a person: on a template, refused", name, nil)
			continue
		case e.spacing():
			c.count("edit of a person: other spacing, same message", name, e.repeat(f, err, true))
			continue
		}
		c.count("edit of a person: same bytes by Set", name, e.repeat(f, err, false))
		if s, ok := e.settings(); err == nil && ok && len(f.Groups()) < 2 {
			g, _, err := f.Apply(s)
			if err == nil {
				err = same(g.Bytes(), []byte(e.New))
			}
			c.count("edit of a person: same bytes by Apply", name, err)
		}
	}
}

// spacing reports whether the person changed more than the values.
func (e edit) spacing() bool {
	list := regexp.MustCompile(`\d+(, \d+)*`)
	return slices.ContainsFunc(e.Changes, func(c [2]string) bool {
		return list.ReplaceAllString(c[0], "N") != list.ReplaceAllString(c[1], "N")
	})
}

// repeat makes the edit and compares it with what the person wrote.
func (e edit) repeat(f *File, err error, message bool) error {
	for _, c := range e.Changes {
		if err != nil {
			return err
		}
		key, _, _ := strings.Cut(c[0], ":")
		_, value, _ := strings.Cut(c[1], ":")
		for _, path := range paths(f, strings.TrimSpace(key), c[0]) {
			if f, _, err = f.Set(path, strings.TrimSpace(value)); err != nil {
				return err
			}
		}
	}
	if !message {
		return same(f.Bytes(), []byte(e.New))
	}
	want, err := oracle([]byte(e.New))
	if err == nil && !proto.Equal(want, f.config) {
		err = errors.New("another message")
	}
	return err
}

// settings returns the edit as settings, if it is one of tuned values only.
func (e edit) settings() (s Settings, ok bool) {
	for _, c := range e.Changes {
		key, value, _ := strings.Cut(c[1], ":")
		var sizes []int
		for text := range strings.FieldsFuncSeq(value, func(r rune) bool { return !unicode.IsDigit(r) }) {
			n, err := strconv.Atoi(text)
			if err != nil {
				return s, false
			}
			sizes = append(sizes, n)
		}
		switch key {
		case "max_batch_size":
			s.MaxBatchSize = Ptr(sizes[0])
		case "count":
			s.InstanceCount = Ptr(sizes[0])
		case "preferred_batch_size":
			s.PreferredBatchSizes = sizes
		case "max_queue_delay_microseconds":
			s.MaxQueueDelay = Ptr(uint64(sizes[0]))
		default:
			return s, false
		}
	}
	return s, true
}

// paths returns where a file has this key with this text.
func paths(f *File, key, text string) []string {
	candidates := []string{key, "dynamic_batching." + key, "sequence_batching.oldest." + key}
	for i := range f.Groups() {
		candidates = append(candidates, fmt.Sprintf("instance_group[%d].%s", i, key))
	}
	return slices.DeleteFunc(candidates, func(path string) bool {
		steps, err := parsePath(path)
		if err != nil {
			return true
		}
		return !slices.ContainsFunc(f.find(steps), func(e *field) bool { return e.text(f.src) == text })
	})
}
