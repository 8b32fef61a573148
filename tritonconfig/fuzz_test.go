package tritonconfig

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
)

// seeds are our own texts: every probe of the parser and every golden file.
func seeds(f *testing.F, add func(text string)) {
	for _, c := range accepted {
		add(c.text)
	}
	for _, c := range refused {
		add(c.text)
	}
}

// FuzzParse holds the parser against Go's own one: what that reads, ours reads
// the same way, unless it is a template; what ours reads, it prints unchanged.
func FuzzParse(f *testing.F) {
	seeds(f, func(text string) { f.Add([]byte(text)) })
	f.Fuzz(func(t *testing.T, data []byte) {
		want, oracleErr := oracle(data)
		file, err := Parse("c", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("error without a position: %v", err)
			}
			strict := prototext.Unmarshal(data, new(tritonpb.ModelConfig))
			if strict == nil && e.Placeholder == "" && !ours(e) {
				t.Fatalf("refused what prototext reads: %v", err)
			}
			return
		}
		if !bytes.Equal(file.Bytes(), data) {
			t.Fatalf("printed %q", file.Bytes())
		}
		if oracleErr == nil && !proto.Equal(want, file.config) {
			t.Fatalf("read %v\nwant %v", file.config, want)
		}
		if oracleErr != nil && !wider(data) && len(file.Unknown()) == 0 {
			t.Fatalf("accepted what prototext refuses: %v", oracleErr)
		}
		own := file.Settings()
		if g, _, err := file.Apply(own); err != nil || g != file {
			t.Fatalf("own settings %v: %v", own, err)
		}
	})
}

// ours reports whether a refusal is by intent narrower than prototext.
func ours(e *Error) bool {
	for _, reason := range []string{"NUL byte", "more than", "a map entry has"} {
		if bytes.Contains([]byte(e.Reason), []byte(reason)) {
			return true
		}
	}
	return false
}

// wider reports whether a text has what Triton reads and prototext does not.
func wider(data []byte) bool {
	return bytes.ContainsAny(data, "\f\v") || !utf8.Valid(data) || bytes.Contains(data, []byte("\\")) ||
		bytes.Contains(data, []byte("nan"))
}

// FuzzApply applies any settings to any text: the result is refused with a
// rule, or reads back as the old message with these fields set, and no comment
// is lost.
func FuzzApply(f *testing.F) {
	seeds(f, func(text string) { f.Add([]byte(text), uint64(777), uint8(3), int32(8), int32(2), 16, true) })
	for _, text := range goldenInputs(f) {
		f.Add(text, uint64(0), uint8(0), int32(4), int32(4), 0, false)
		f.Add(text, uint64(5), uint8(2), int32(1), int32(2), 1, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, delay uint64, many uint8, size, other int32, count int, all bool) {
		file, err := Parse("c", data)
		if err != nil {
			return
		}
		s := Settings{PreferredBatchSizes: []int{}}
		for i := range many % 5 {
			s.PreferredBatchSizes = append(s.PreferredBatchSizes, int(size)+int(i)*int(other))
		}
		if all {
			s.MaxQueueDelay, s.InstanceCount, s.InstanceGroup = &delay, &count, "#0"
		}
		out, notes, err := file.Apply(s)
		if err != nil {
			var rule *RuleError
			if !errors.As(err, &rule) {
				t.Fatalf("applying %v: %v", s, err)
			}
			return
		}
		if !bytes.Equal(file.Bytes(), data) {
			t.Fatal("the old file changed")
		}
		want := proto.CloneOf(file.config)
		impose(want, file, s)
		if !proto.Equal(out.config, want) {
			t.Fatalf("applying %v gave\n%s", s, out.src)
		}
		for _, c := range file.comments {
			if !bytes.Contains(out.src, data[c.from:c.to]) {
				t.Fatalf("comment %q is lost in\n%s", data[c.from:c.to], out.src)
			}
		}
		for _, n := range notes {
			if n.Line < 1 || n.Line > 1+bytes.Count(out.src, []byte("\n")) {
				t.Fatalf("note on line %d of\n%s", n.Line, out.src)
			}
		}
		if again, _, err := out.Apply(s); err != nil || again != out {
			t.Fatalf("applying %v twice differs (%v)", s, err)
		}
	})
}
