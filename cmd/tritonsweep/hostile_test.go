package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"

	"tritonsweep/runner/undo"
)

// refused runs a command that must be refused as a misuse: exit code 10, nothing
// on standard output, one line that steers no terminal and has a hint where it
// says so.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // were it not refused
	defer cancel()
	code := run(ctx, append([]string{"tritonsweep"}, args...), strings.NewReader(""), &stdout, &stderr)
	text := strings.TrimSuffix(stderr.String(), "\n")
	if code != exitUsage || stdout.Len() > 0 || !strings.HasPrefix(text, "tritonsweep: ") || len(text) > 2000 {
		t.Errorf("%.200q: exit code %d, output %.200q, message %.2000q", args, code, &stdout, text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%.200q: the message steers a terminal, or has several lines: %q", args, text)
	}
	return text
}

// elsewhere keeps a test away from the person's own files.
func elsewhere(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv(undo.StateEnv, t.TempDir())
}

// TestFault58HostileModelNames: names that are paths, flags, markup or orders to
// a terminal are refused before anybody is asked about them, by every command
// that takes one.
func TestFault58HostileModelNames(t *testing.T) {
	elsewhere(t)
	for _, name := range []string{
		"..", ".", "../../etc", "a/b", `a\b`, "/etc", "a\x00b", "a\nb", "a\x1b[31mb", "\x1b]0;owned\x07", "\u202eevil", "<b>x</b>",
		"m|x", "=1+1", " ", "a b", "ä", "\xff", "--yes now", strings.Repeat("a", 129), strings.Repeat("a", 10_000),
	} {
		for _, command := range [][]string{
			{"queue-delay", "--sim"}, {"batch-size", "--sim", "--mode", "reload"}, {"bench", "--mode", "none", "--grpc-url", "127.0.0.1:1"},
			{"rollback", "--yes"}, {"instances", "--sim", "--model", "arcface_w600k_r50"},
		} {
			text := refused(t, append(command, "--model", name)...)
			if !strings.Contains(text, "--model: model name ") || !strings.Contains(text, "want 1 to 128 of A-Z a-z 0-9 _ . - (hint: ") {
				t.Errorf("%q: %s", name, text)
			}
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// hostileConfigs are files that Triton refuses, or that would harm whoever reads
// or prints them.
func hostileConfigs() map[string]string {
	return map[string]string{
		"deep messages":    "name: \"m\"\n" + strings.Repeat("parameters { value { ", 100_000),
		"deep lists":       "input " + strings.Repeat("[", 500_000),
		"deep extension":   strings.Repeat("[a.b] { ", 100_000),
		"huge number":      "max_batch_size: " + strings.Repeat("9", 100_000),
		"2^64":             "dynamic_batching { max_queue_delay_microseconds: 18446744073709551616 }",
		"huge exponent":    "optimization { gather_kernel_buffer_threshold: 1e999999999 }",
		"NUL":              "name: \"m\" # \x00",
		"terminal":         "name: \"m\" \x1b[2J\x1b]0;owned\x07",
		"terminal in text": "nam\x1b[2Je: \"\x1b[31m\"",
		"escaped terminal": "name: \"\\033[2J\\033[31m\"",
		"markup":           "name: \"<script>alert(1)</script>\"",
		"path":             "name: \"../../etc/passwd\"",
		"direction":        "name: \"\u202egnp.exe\"",
		"binary":           "\x7fELF\x02\x01\x01\x00\x00\xff\xfe",
		"UTF-16":           "\xff\xfen\x00a\x00m\x00e\x00",
		"one line":         "name: \"" + strings.Repeat("a", 900_000),
		"many fields":      strings.Repeat("max_batch_size: 1\n", 50_000),
		"template":         "name: \"${MODEL}\" max_batch_size: ${{ evil }}",
	}
}

// TestFault59HostileConfigs: each is refused with one line, fast and in little
// memory, and nothing of it reaches the terminal.
func TestFault59HostileConfigs(t *testing.T) {
	elsewhere(t)
	for name, text := range hostileConfigs() {
		t.Run(name, func(t *testing.T) {
			repository := oneConfig(t, text)
			allocated := allocatedBy(func() { refused(t, "queue-delay", "--sim", "--repository", repository, "--model", "m") })
			if allocated > 256<<20 {
				t.Errorf("%d MiB were allocated for a file of %d bytes", allocated>>20, len(text))
			}
		})
	}
	t.Run("1 GiB", func(t *testing.T) {
		repository := oneConfig(t, "")
		if err := os.Truncate(filepath.Join(repository, "m", "config.pbtxt"), 1<<30); err != nil {
			t.Fatal(err)
		}
		allocated := allocatedBy(func() {
			if text := refused(t, "queue-delay", "--sim", "--repository", repository, "--model", "m"); !strings.Contains(text, "config.pbtxt") {
				t.Error(text)
			}
		})
		if allocated > 64<<20 {
			t.Errorf("%d MiB were allocated", allocated>>20)
		}
	})
}

func oneConfig(t *testing.T, text string) string {
	t.Helper()
	repository := t.TempDir()
	if err := os.MkdirAll(filepath.Join(repository, "m", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repository, "m", "config.pbtxt"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return repository
}

// allocatedBy returns the bytes that were allocated meanwhile, freed ones too.
func allocatedBy(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestFault55BillionPoints: lists that make a billion points, or one that has a
// billion values, are refused without being written out.
func TestFault55BillionPoints(t *testing.T) {
	elsewhere(t)
	const spec = "models: [{name: arcface_w600k_r50}]\ncombine: joint\nsettings: {delay: 0..999, count: 1..1000, max_batch: 1..1000}\n"
	if err := os.WriteFile("sweep.yaml", []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"more than 1000 values":         {"queue-delay", "--delays", "0..1000000000"},
		"not a number":                  {"queue-delay", "--delays", "0..18446744073709551615"},
		"--concurrency":                 {"queue-delay", "--concurrency", "1..1000000000"},
		"the plan has more than 10000":  {"queue-delay", "--delays", "0..999", "--concurrency", "1..1000"},
		"fewer values, rounds or loads": {"queue-delay", "--rounds", "1000000000"},
		"--counts":                      {"instances", "--counts", "1..1000000000"},
		"make 3000000000 points":        {"sweep", "-f", "sweep.yaml"},
	} {
		allocated := allocatedBy(func() {
			more := []string{"--sim"}
			if args[0] != "sweep" {
				more = append(more, "--model", "arcface_w600k_r50")
			}
			if text := refused(t, append(args, more...)...); !strings.Contains(text, strings.TrimSpace(says)) || !strings.Contains(text, "(hint: ") {
				t.Errorf("%q: %s", args, text)
			}
		})
		if allocated > 64<<20 {
			t.Errorf("%q: %d MiB were allocated", args, allocated>>20)
		}
	}
}

// TestFault56EachPointOnce: a value that is given twice, in whatever notation, is
// measured once.
func TestFault56EachPointOnce(t *testing.T) {
	elsewhere(t)
	for _, test := range []struct {
		args []string
		once string
	}{
		{[]string{"queue-delay", "--delays", "1000,1000,01000,1000..1000,500..1500/500", "--concurrency", "8,8,8..8"}, "delay=1000us"},
		{[]string{"batch-size", "--preferred", "4,8;8,4,4;8,8,4", "--concurrency", "8"}, "preferred=[4,8]"},
		{[]string{"instances", "--counts", "2,2,02,1..3", "--concurrency", "8"}, "count=2"},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"tritonsweep"}, append(test.args, "--sim", "--dry-run", "--rounds", "1", "--model", "arcface_w600k_r50")...)
		if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitOK {
			t.Fatalf("exit code %d\n%s", code, &stderr)
		}
		if n := strings.Count(stdout.String(), test.once); n != 1 {
			t.Errorf("%s is in the plan %d times:\n%s", test.once, n, &stdout)
		}
	}
}
