package docker

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseCommand(t *testing.T) {
	for _, test := range []struct {
		name  string
		words []string
		repos []string
		mode  ControlMode
	}{
		{"equals", []string{"tritonserver", "--model-repository=/models"}, []string{"/models"}, ControlNone},
		{"next word", []string{"tritonserver", "--model-repository", "/models"}, []string{"/models"}, ControlNone},
		{"old name", []string{"/opt/tritonserver/bin/tritonserver", "--model-store=/m"}, []string{"/m"}, ControlNone},
		{"twice", []string{"tritonserver", "--model-repository=/a", "--model-repository=/b", "--model-repository=/a"}, []string{"/a", "/b"}, ControlNone},
		{"flags only", []string{"--model-repository=/models", "--model-control-mode=poll"}, []string{"/models"}, ControlPoll},
		{"entry point first", []string{"/opt/nvidia/nvidia_entrypoint.sh", "tritonserver", "--model-repository=/models"}, []string{"/models"}, ControlNone},
		{"shell", []string{"bash", "-c", "tritonserver --model-repository=/models --model-control-mode explicit"}, []string{"/models"}, ControlExplicit},
		{"login shell", []string{"bash", "-l", "-c", "pip install x && exec tritonserver --model-repository '/my models' \\\n --log-verbose 1"}, []string{"/my models"}, ControlNone},
		{"two commands", []string{"sh", "-c", "tritonserver --model-repository=/a; other --model-repository=/b"}, []string{"/a"}, ControlNone},
		{"mpirun", []string{"bash", "-c", "mpirun -n 1 /opt/tritonserver/bin/tritonserver --model-repository=/m : x"}, []string{"/m"}, ControlNone},
		{"blank in exec form", []string{"tritonserver", "--model-repository=/my models"}, []string{"/my models"}, ControlNone},
		{"last mode wins", []string{"tritonserver", "--model-control-mode=poll", "--model-control-mode=EXPLICIT"}, nil, ControlExplicit},
		{"variable", []string{"bash", "-c", `tritonserver --model-repository="$MODELS"`}, nil, ControlNone},
		{"script", []string{"bash", "run.sh"}, nil, ControlNone},
		{"relative", []string{"tritonserver", "--model-repository=models/"}, []string{"/workspace/models"}, ControlNone},
		{"object store", []string{"tritonserver", "--model-repository=s3://bucket/models"}, []string{"s3://bucket/models"}, ControlNone},
		{"no value", []string{"tritonserver", "--model-repository"}, nil, ControlNone},
		{"prefix of another flag", []string{"tritonserver", "--model-repository-extra=/x"}, nil, ControlNone},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Container{Definition: Definition{command: parseCommand(test.words), workingDir: "/workspace"}}
			if got := c.repositoryPaths(); !slices.Equal(got, test.repos) {
				t.Errorf("repositories %q, want %q", got, test.repos)
			}
			if got := c.ControlMode(); got != test.mode {
				t.Errorf("mode %q, want %q", got, test.mode)
			}
		})
	}
}

func TestShellWords(t *testing.T) {
	for script, want := range map[string][]string{
		`a "b c" 'd "e"' f\ g`: {"a", "b c", `d "e"`, "f g"},
		"a&&b|c||d;e &":        {"a", "&&", "b", "|", "c", "||", "d", ";", "e", "&"},
		"a \\\n b\nc":          {"a", "b", "\n", "c"},
		`--x="" 'y'z`:          {"--x=", "yz"},
		`a ""`:                 {"a", ""},
		`unclosed "quote`:      {"unclosed", "quote"},
		`'\n' \`:               {`\n`, `\`},
	} {
		if got := shellWords(script); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", script, got, want)
		}
	}
}

// Words that are quoted come back as they were.
func TestShellWordsQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.String()).Draw(t, "words")
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		if got := shellWords(strings.Join(quoted, " ")); !slices.Equal(got, words) {
			t.Fatalf("%q became %q", words, got)
		}
	})
}

func FuzzParseCommand(f *testing.F) {
	f.Add("bash\x00-c\x00tritonserver --model-repository=/m")
	f.Fuzz(func(t *testing.T, joined string) {
		c := Container{Definition: Definition{command: parseCommand(strings.Split(joined, "\x00"))}}
		for _, p := range c.repositoryPaths() {
			if !strings.HasPrefix(p, "/") && !strings.Contains(p, "://") {
				t.Errorf("path %q is not absolute", p)
			}
		}
		if port := c.grpcPort(); port <= 0 || port > 65535 {
			t.Errorf("port %d", port)
		}
	})
}
