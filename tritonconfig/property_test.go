package tritonconfig

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"tritonsweep/internal/tritonpb"
)

// impose sets in cfg, a message that another reader got from f, what s asks
// for: the definition of Apply, written a second time.
func impose(cfg *tritonpb.ModelConfig, f *File, s Settings) {
	if s.MaxBatchSize != nil {
		cfg.MaxBatchSize = int32(*s.MaxBatchSize)
	}
	dynamic := func() *tritonpb.ModelDynamicBatching {
		if cfg.GetDynamicBatching() == nil {
			cfg.SchedulingChoice = &tritonpb.ModelConfig_DynamicBatching{DynamicBatching: &tritonpb.ModelDynamicBatching{}}
		}
		return cfg.GetDynamicBatching()
	}
	if s.MaxQueueDelay != nil {
		dynamic().MaxQueueDelayMicroseconds = *s.MaxQueueDelay
	}
	old := map[int32]bool{}
	for _, n := range cfg.GetDynamicBatching().GetPreferredBatchSize() {
		old[n] = true
	}
	asked := map[int32]bool{}
	for _, n := range s.PreferredBatchSizes {
		asked[int32(n)] = true
	}
	if s.PreferredBatchSizes != nil && fmt.Sprint(old) != fmt.Sprint(asked) {
		var sizes []int32
		for _, n := range s.PreferredBatchSizes {
			sizes = append(sizes, int32(n))
		}
		dynamic().PreferredBatchSize = sizes
	}
	if s.InstanceCount != nil {
		for _, g := range f.Groups() {
			if s.InstanceGroup == "" || s.InstanceGroup == g.Name || s.InstanceGroup == fmt.Sprintf("#%d", g.Index) {
				cfg.InstanceGroup[g.Index].Count = int32(*s.InstanceCount)
				return
			}
		}
		cfg.InstanceGroup = append(cfg.InstanceGroup, &tritonpb.ModelInstanceGroup{Count: int32(*s.InstanceCount)})
	}
}

// author writes configs in one style, as a person does.
type author struct {
	*rapid.T
	newline, unit, colon, open, sep, lead string
	comma                                 bool
}

func newAuthor(t *rapid.T) *author {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	return &author{
		T:       t,
		newline: pick("newline", "\n", "\n", "\r\n"),
		unit:    pick("unit", "  ", "    ", "\t", ""),
		colon:   pick("colon", ": ", ":", " : "),
		open:    pick("open", " ", ": ", ""),
		sep:     pick("sep", ", ", ","),
		lead:    pick("lead", " ", ""),
		comma:   rapid.Bool().Draw(t, "comma"),
	}
}

func (a *author) chance(label string) bool { return rapid.Bool().Draw(a.T, label) }

// block writes "name { fields }" over several lines or on one.
func (a *author) block(indent, name string, fields []string) string {
	if a.chance("one line") {
		return name + a.open + "{ " + strings.Join(fields, a.between()) + " }"
	}
	var text strings.Builder
	text.WriteString(name + a.open + "{")
	for i, f := range fields {
		text.WriteString(a.newline + indent + a.unit + f)
		if a.comma && i < len(fields)-1 {
			text.WriteString(",")
		}
		if a.chance("comment") {
			text.WriteString(rapid.SampledFrom([]string{" # tuned", "  # count: 3 {", "\t# 5ms", " # \xff\xfe"}).Draw(a.T, "text"))
		}
	}
	return text.String() + a.newline + indent + "}"
}

func (a *author) between() string {
	if a.comma {
		return ", "
	}
	return " "
}

func (a *author) list(name string, sizes []int) []string {
	words := make([]string, len(sizes))
	for i, n := range sizes {
		words[i] = fmt.Sprint(n)
	}
	if len(sizes) > 0 && a.chance("repeated") {
		for i := range words {
			words[i] = name + a.colon + words[i]
		}
		return words
	}
	return []string{name + a.colon + "[" + a.lead + strings.Join(words, a.sep) + a.lead + "]"}
}

// config writes a whole file whose batcher, groups and order are drawn.
func (a *author) config() string {
	parts := []string{`name` + a.colon + `"m"`, "max_batch_size" + a.colon + fmt.Sprint(a.number("max", 8, 128))}
	warmup := a.block("", "model_warmup", []string{`name` + a.colon + `"w"`, "count" + a.colon + "9"})
	input := a.block("", "input", slices.Concat([]string{`name` + a.colon + `"x"`}, a.list("dims", []int{3, 4})))
	parts = append(parts, warmup, input)
	if a.chance("dynamic batching") {
		var fields []string
		if a.chance("preferred") {
			fields = append(fields, a.list("preferred_batch_size", a.sizes())...)
		}
		if a.chance("delay") {
			fields = append(fields, "max_queue_delay_microseconds"+a.colon+fmt.Sprint(a.number("delay", 0, 100000)))
		}
		parts = append(parts, a.block("", "dynamic_batching", fields))
	}
	for i := range a.number("groups", 0, 2) {
		fields := []string{"kind" + a.colon + "KIND_CPU"}
		if a.chance("count") {
			fields = append(fields, "count"+a.colon+fmt.Sprint(a.number("count", 0, 8)))
		}
		fields = append(fields, fmt.Sprintf(`name%s"g%d"`, a.colon, i))
		group := a.block(a.unit, "", fields)
		if a.chance("list") {
			group = "[" + a.newline + a.unit + strings.TrimLeft(group, " :") + a.newline + "]"
			parts = append(parts, "instance_group"+a.open+group)
		} else {
			parts = append(parts, a.block("", "instance_group", fields))
		}
	}
	text := strings.Join(parts, a.newline)
	if a.chance("final newline") {
		text += a.newline
	}
	return text
}

func (a *author) number(label string, least, most int) int {
	return rapid.IntRange(least, most).Draw(a.T, label)
}

func (a *author) sizes() []int {
	return rapid.SliceOfN(rapid.IntRange(1, 8), 0, 4).Draw(a.T, "sizes")
}

// settings draws valid settings for f.
func (a *author) settings(f *File) Settings {
	var s Settings
	if a.chance("set delay") {
		s.MaxQueueDelay = Ptr(rapid.Uint64().Draw(a.T, "new delay"))
	}
	if a.chance("set preferred") {
		s.PreferredBatchSizes = a.sizes()
	}
	if a.chance("set max") {
		s.MaxBatchSize = Ptr(a.number("new max", 8, 1000))
	}
	if a.chance("set count") {
		s.InstanceCount = Ptr(a.number("new count", 1, 64))
		if n := len(f.Groups()); n > 1 {
			s.InstanceGroup = fmt.Sprintf("#%d", a.number("group", 0, n-1))
		}
	}
	return s
}

// Apply changes exactly the fields asked for, whatever the style of the file:
// another reader finds the old message with those fields set.
func TestApplyMeansWhatItSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a := newAuthor(r)
		text := a.config()
		f, err := Parse("c", []byte(text))
		if err != nil {
			r.Fatalf("%v in\n%s", err, text)
		}
		s := a.settings(f)
		want, err := oracle([]byte(text))
		if err != nil {
			r.Fatalf("oracle: %v in\n%s", err, text)
		}
		g, _, err := f.Apply(s)
		if err != nil {
			r.Fatalf("%v applying %v to\n%s", err, s, text)
		}
		impose(want, f, s)
		got, err := oracle(g.Bytes())
		if err != nil || !proto.Equal(got, want) {
			r.Fatalf("applying %v (%v) to\n%s\ngave\n%s", s, err, text, g.Bytes())
		}
		for _, c := range f.comments {
			if !strings.Contains(string(g.Bytes()), c.text(f.src)) {
				r.Fatalf("comment %q is lost in\n%s", c.text(f.src), g.Bytes())
			}
		}
		if again, _, err := g.Apply(s); err != nil || again != g {
			r.Fatalf("applying twice differs (%v):\n%s", err, g.Bytes())
		}
	})
}

// Where only values change, putting the old values back gives the old bytes.
func TestApplyUndoes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a := newAuthor(r)
		text := a.config()
		f, err := Parse("c", []byte(text))
		if err != nil {
			r.Fatal(err)
		}
		old := f.Settings()
		var s Settings
		if old.MaxQueueDelay != nil {
			s.MaxQueueDelay = Ptr(uint64(a.number("new delay", 0, 1000000)))
		}
		if n := len(old.PreferredBatchSizes); n > 0 {
			s.PreferredBatchSizes = rapid.SliceOfN(rapid.IntRange(1, 8), n, n).Draw(r, "new sizes")
		}
		if old.InstanceCount != nil {
			if *old.InstanceCount < 1 {
				r.Skip("Triton accepts count 0, but Apply does not write it")
			}
			s.InstanceCount = Ptr(a.number("new count", 1, 9))
		}
		s.MaxBatchSize = Ptr(a.number("new max", 8, 128))
		g, _, err := f.Apply(s)
		if err != nil {
			r.Fatal(err)
		}
		back, _, err := g.Apply(old)
		if err != nil || string(back.Bytes()) != text {
			r.Fatalf("%v: undoing gave\n%s\nfor\n%s", err, back.Bytes(), text)
		}
	})
}
