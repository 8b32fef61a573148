package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tritonsweep/results"
	"tritonsweep/tritonconfig"
)

func view(t *testing.T, write func(*bytes.Buffer) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTextFitsTheTerminal(t *testing.T) {
	for _, name := range []string{"queue-delay", "instances", "batch-size", "empty"} {
		r := samples[name]()
		made := r.report()
		for _, width := range []int{80, 100, 132, 200} {
			text := view(t, func(w *bytes.Buffer) error { return made.Text(w, TextOptions{Width: width}) })
			for _, line := range strings.Split(text, "\n") {
				// The command is there to be copied, so it is not wrapped.
				if ansi.StringWidth(line) > width && !strings.Contains(line, "tritonsweep apply") {
					t.Errorf("%s at width %d: %q", name, width, line)
				}
			}
			if strings.Contains(text, "\x1b") {
				t.Errorf("%s: escape sequences without colour", name)
			}
		}
	}
}

func TestTextColour(t *testing.T) {
	made := samples["nine"]().report()
	colour := view(t, func(w *bytes.Buffer) error { return made.Text(w, TextOptions{Width: 120, Color: true}) })
	plain := view(t, func(w *bytes.Buffer) error { return made.Text(w, TextOptions{Width: 120}) })
	if !strings.Contains(colour, "\x1b[") {
		t.Error("no colour")
	}
	if diff := cmp.Diff(strings.Split(plain, "\n"), strings.Split(ansi.Strip(colour), "\n")); diff != "" {
		t.Errorf("colour changes the text:\n%s", diff)
	}
	var pipe bytes.Buffer
	if opts := TerminalOptions(&pipe, []string{"TERM=xterm-256color"}); opts.Color || opts.Width != 0 {
		t.Errorf("a pipe gets %+v", opts)
	}
}

// Nothing that steers a terminal leaves a view, whatever the names are.
func TestNoViewSteersTheTerminal(t *testing.T) {
	made := samples["hostile"]().report()
	for name, text := range map[string]string{
		"text":     view(t, func(w *bytes.Buffer) error { return made.Text(w, TextOptions{}) }),
		"markdown": view(t, func(w *bytes.Buffer) error { return made.Markdown(w) }),
		"json":     view(t, func(w *bytes.Buffer) error { return made.JSON(w) }),
		"csv":      view(t, func(w *bytes.Buffer) error { return made.CSV(w) }),
		"html":     view(t, func(w *bytes.Buffer) error { return made.HTML(w) }),
	} {
		for _, r := range text {
			if r != '\n' && steers(r) {
				t.Errorf("%s holds %U", name, r)
				break
			}
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for name, build := range samples {
		s := build()
		want := s.report()
		text := view(t, func(w *bytes.Buffer) error { return want.JSON(w) })
		var got Report
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if asJSON(t, &got) != asJSON(t, want) {
			t.Errorf("%s: the JSON view does not hold the whole report", name)
		}
	}
}

func TestCSV(t *testing.T) {
	for name, build := range samples {
		s := build()
		made := s.report()
		rows, err := csv.NewReader(strings.NewReader(view(t, func(w *bytes.Buffer) error { return made.CSV(w) }))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err) // also if a row has another number of cells
		}
		points := 1
		for _, m := range made.Models {
			points += len(m.Points) + len(m.Control) + len(m.Finals)
		}
		if len(rows) != points {
			t.Errorf("%s: %d rows, want %d", name, len(rows), points)
		}
		for _, row := range rows {
			for _, c := range row {
				if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
					t.Errorf("%s: a spreadsheet would run %q", name, c)
				}
			}
		}
	}
	for in, want := range map[string]string{"=1+1": "'=1+1", "+a": "'+a", "-2": "'-2", "@x": "'@x", "\tx": " x", "a=b": "a=b", "": ""} {
		if got := cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMarkdownEscapes(t *testing.T) {
	for in, want := range map[string]string{
		"arcface_w600k_r50": "arcface_w600k_r50",
		"_a_ __b__":         `\_a\_ \_\_b\_\_`,
		"*x* `y` [a](b)":    "\\*x\\* \\`y\\` \\[a\\](b)",
		"<b> & a|b":         `&lt;b&gt; &amp; a\|b`,
		"# head":            `\# head`,
		"- item":            `\- item`,
		"12. item":          `12\. item`,
		"see http://x.y":    "see http<span>:</span>//x.y",
		"www.x.y":           "www<span>.</span>x.y",
		"two\nlines":        "two lines",
	} {
		if got := escapeMarkdown(in); got != want {
			t.Errorf("escapeMarkdown(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"a": "`a`", "a`b": "``a`b``", "`a": "`` `a ``", "a```b": "````a```b````", " ": ""} {
		if got := codeSpan(in); got != want {
			t.Errorf("codeSpan(%q) = %q, want %q", in, got, want)
		}
	}
	if got := codeBlock("diff", "+a\n```\n+b"); got != "````diff\n+a\n```\n+b\n````" {
		t.Errorf("codeBlock lets its text out: %q", got)
	}
}

// What the command line shows is what a shell reads.
func TestQuoteMeansTheSameToAShell(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		arg := rapid.StringMatching(`[a-z '"$\\;&|<>(){}*?!#~=-]{0,12}`).Draw(t, "arg")
		out, err := exec.Command(shell, "-c", "printf %s "+quote(arg)).Output()
		if err != nil || string(out) != arg {
			t.Fatalf("%q is quoted as %s, which sh reads as %q (%v)", arg, quote(arg), out, err)
		}
	})
}

func TestApplyCommandNamesTheTarget(t *testing.T) {
	a := &analysis{model: Model{Name: "m"}, run: results.Run{ID: "r", Command: []string{
		"tritonsweep", "queue-delay", "--model=all", "--container", "my triton", "-repository=/models", "--delays=1,2", "--db=a.db",
	}}}
	want := []string{"tritonsweep", "apply", "--run=r", "--model=m", "--container=my triton", "--repository=/models", "--db=a.db"}
	if diff := cmp.Diff(want, a.applyCommand()); diff != "" {
		t.Error(diff)
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		number(0): "0.00", number(0.1234): "0.123", number(1.236): "1.24", number(12.34): "12.3",
		number(99.96): "100.0", number(1234.5): "1,234", number(1234567): "1,234,567", number(-4321): "-4,321",
		percent(0.0123): "1.2%", percent(0.123): "12%", percent(0): "0%",
		change(1.2): "+20%", change(0.987): "-1.3%", change(1.0001): "0%", change(0.99999): "0%",
		bytesText(512): "512 B", bytesText(2048): "2.00 KiB", bytesText(-3 << 20): "-3.00 MiB", bytesText(5 << 40): "5.00 TiB",
		durationText(42): "42 s", durationText(125): "2 min 05 s", durationText(7300): "2 h 01 min",
		delayText(0): "0", delayText(1000): "1 ms", delayText(1500): "1,500 µs", delayText(12_000_000): "12,000 ms",
		spread(results.Estimate{Value: 100, Low: 97, High: 102}): "±3.0%",
		enumerate(nil): "", enumerate([]string{"a"}): "a", enumerate([]string{"a", "b", "c"}): "a, b and c",
		order(tritonconfig.Settings{PreferredBatchSizes: []int{}, MaxQueueDelay: tritonconfig.Ptr(uint64(0))}): "Set the queue delay to 0, and remove the preferred batch sizes",
		order(tritonconfig.Settings{InstanceCount: tritonconfig.Ptr(2), InstanceGroup: "gpu"}):                 "Set the instance count of group gpu to 2",
		describe(tritonconfig.Settings{InstanceCount: tritonconfig.Ptr(1), PreferredBatchSizes: []int{4, 8}}):  "preferred sizes [4, 8], 1 instance",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
