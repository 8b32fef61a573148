package docker

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/pkg/stdcopy"
	"pgregory.net/rapid"
)

func framed(out, err string) []byte {
	var b bytes.Buffer
	stdcopy.NewStdWriter(&b, stdcopy.Stdout).Write([]byte(out))
	stdcopy.NewStdWriter(&b, stdcopy.Stderr).Write([]byte(err))
	return b.Bytes()
}

func TestLogs(t *testing.T) {
	long := strings.Repeat("I1123 a line of the log\n", 20000)
	for _, test := range []struct {
		name string
		log  []byte
		tty  bool
		size int
		want string
	}{
		{"both streams", framed("out\n", "E1123 failed\n"), false, 0, "out\nE1123 failed\n"},
		{"terminal", []byte("one\r\n\x1b[31mtwo\x1b[0m\r\n"), true, 0, "one\ntwo\n"},
		{"empty", nil, false, 0, ""},
		{"last whole lines", framed("first\nsecond\nthird\n", ""), false, 15, "second\nthird\n"},
		{"exactly one line", framed("first\nsecond\n", ""), false, 7, "second\n"},
		{"one line too long", framed(strings.Repeat("x", 100), ""), false, 10, "(a line of 100 bytes was left out)\n"},
		{"secret", framed("HF_TOKEN="+canary+"\n", ""), false, 0, "HF_TOKEN=***\n"},
		{"never above the cap", framed(long, ""), false, 1 << 30, long[len(long)-(MaxLog/24)*24:]},
	} {
		t.Run(test.name, func(t *testing.T) {
			fake := triton(idA, "a")
			fake.Log, fake.TTY = test.log, test.tty
			f, c := only(t, fake)
			got, err := c.Logs(context.Background(), noon, test.size)
			if err != nil || string(got) != test.want {
				t.Errorf("got %d bytes %.80q, error %v, want %d bytes %.80q", len(got), got, err, len(test.want), test.want)
			}
			want := "GET /v1.41/containers/" + idA + "/logs?since=1795435200.000000000&stderr=1&stdout=1&tail=4000"
			if !slices.Contains(f.recorded(), want) {
				t.Errorf("requests %v lack %s", f.recorded(), want)
			}
		})
	}
}

// A line that was read before comes again, one is cut by frames, one was
// written while nobody asked, and one when the container had ended.
func TestFollow(t *testing.T) {
	const one, two = "2026-11-23T12:00:01.000000001Z one\n", "2026-11-23T12:00:01.000000002Z two\n"
	follow := func() *Container {
		fake := triton(idA, "a")
		fake.Stamped = [][]byte{
			framed(one, ""),
			framed(one[:30], one[30:]),
			framed(one, two+"2026-11-23T12:00:02Z api_key: "+canary+"\n"),
			framed("2026-11-23T12:00:02Z api_key: "+canary+"\n2026-11-23T12:00:03Z last", ""),
		}
		_, c := only(t, fake)
		return c
	}
	var got []string
	for line, err := range follow().Follow(context.Background(), noon) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	if want := []string{"one", "two", "api_key: ***", "last"}; !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
	for line := range follow().Follow(context.Background(), noon) {
		if line != "one" {
			t.Errorf("line %q after leaving the loop", line)
		}
		break
	}
}

func TestFault62Redact(t *testing.T) {
	for _, secret := range []string{
		"HF_TOKEN=" + canary,
		`"password": "` + canary + ` with blanks"`,
		"--grpc-restricted-protocol=health:admin-key=" + canary,
		"--http-restricted-api model-repository:k=" + canary,
		"--password " + canary + " ", // as in a traced script
		"Authorization: Bearer " + canary,
		"https://user:" + canary + "@host/path",
		"AWS_SECRET_ACCESS_KEY='" + canary + "'",
		"key=" + canary,
		"https://storage/x?sig=" + canary + "&se=1",
		"ghp_0123456789abcdefghijCANARY7f3a",
		"eyJhbGciOiJIUzI1NiJ9.eyJDQU5BUlkiOjF9.CANARY7f3a",
		"-----BEGIN RSA PRIVATE KEY-----\n" + canary + "\n-----END RSA PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\n" + canary, // cut off
	} {
		got := string(redact([]byte("start " + secret + "\nend")))
		if strings.Contains(got, "CANARY") || !strings.HasPrefix(got, "start ") {
			t.Errorf("%q became %q", secret, got)
		}
	}
}

// What Triton says about a refused config has to stay readable.
func TestRedactLeavesTritonsWords(t *testing.T) {
	for _, line := range []string{
		`E1123 model_repository_manager.cc:1337] Poll failed for model directory 'm': failed to read text proto from /models/m/config.pbtxt`,
		`[libprotobuf ERROR] Error parsing text-format inference.ModelConfig: 8:1: Expected ",", found "".`,
		`| model_repository_path[0] | /models |`,
		`max_tokens: 512, tokenizer=bert, unexpected token in line 3`,
		`"TRITONBACKEND_ModelInstanceInitialize: arcface_w600k_r50_0_1 (CPU device 0)"`,
		`parameters { key: "EXECUTION_ENV_PATH" }`,
	} {
		if got := string(redact([]byte(line))); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

func TestCleanIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := clean(string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")))
		for _, r := range text {
			if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e {
				t.Fatalf("%q keeps %U", text, r)
			}
		}
	})
	if got := clean("\x1b]0;title\x07a\u202eb\x1b[2Kc\x00"); got != "abc" {
		t.Errorf("got %q", got)
	}
}

// Whatever pieces a log arrives in, the end is the same.
func TestTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.StringMatching(`[ab\n]{0,12}`)).Draw(t, "pieces")
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		end := &tail{limit: limit}
		for _, p := range pieces {
			end.Write([]byte(p))
		}
		all, got := strings.Join(pieces, ""), string(end.bytes())
		if !strings.HasSuffix(all, got) || len(got) > limit {
			t.Fatalf("end %q of %q", got, all)
		}
		if len(all) <= limit && got != all {
			t.Fatalf("%q lost something of %q", got, all)
		}
		if before := len(all) - len(got); before > 0 && got != "" && all[before-1] != '\n' {
			t.Fatalf("%q starts within a line of %q", got, all)
		}
	})
}
