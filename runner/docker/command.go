package docker

import (
	"strconv"
	"strings"
)

// ControlMode says how Triton decides which models are loaded, as set by
// --model-control-mode.
type ControlMode string

// Triton's three modes.
const (
	ControlNone     ControlMode = "none"     // all models at start; a change needs a restart
	ControlExplicit ControlMode = "explicit" // by load and unload requests
	ControlPoll     ControlMode = "poll"     // Triton watches the repository
)

// ControlMode returns the mode that the command line sets, ControlNone where
// it says nothing.
func (d Definition) ControlMode() ControlMode {
	if mode, ok := d.command.last("model-control-mode"); ok {
		return ControlMode(strings.ToLower(mode))
	}
	return ControlNone
}

// Flag returns the value that the command line gives to Triton's option name
// (without dashes), and whether it does. Of several the last one counts, as it
// does for Triton.
func (d Definition) Flag(name string) (string, bool) { return d.command.last(name) }

func (d Definition) httpPort() int    { return d.port("http-port", 8000) }
func (d Definition) grpcPort() int    { return d.port("grpc-port", 8001) }
func (d Definition) metricsPort() int { return d.port("metrics-port", 8002) }

func (d Definition) port(flag string, standard int) int {
	if text, ok := d.command.last(flag); ok {
		if port, err := strconv.Atoi(text); err == nil && port > 0 && port < 1<<16 {
			return port
		}
	}
	return standard
}

// commandLine holds the words that follow tritonserver on a container's
// command line, or all words where an entry point that we cannot see adds it.
type commandLine []string

// parseCommand reads entry point and command. A word with blanks is a script
// for a shell ("bash -c '...'") and is taken apart.
func parseCommand(words []string) commandLine {
	var flat []string
	for _, w := range words {
		if strings.ContainsAny(w, " \t\n") && !strings.HasPrefix(w, "-") {
			flat = append(flat, shellWords(w)...)
		} else {
			flat = append(flat, w)
		}
	}
	for i, w := range flat {
		if w == "tritonserver" || strings.HasSuffix(w, "/tritonserver") {
			return untilSeparator(flat[i+1:])
		}
	}
	return flat
}

// untilSeparator cuts where the shell would start another command.
func untilSeparator(words []string) commandLine {
	for i, w := range words {
		switch w {
		case ";", "&&", "||", "|", "&", "\n", ")":
			return words[:i]
		}
	}
	return words
}

// values returns what the options of these names are set to, in order, written
// as --name=value or --name value.
func (c commandLine) values(names ...string) []string {
	var found []string
	for i, word := range c {
		for _, name := range names {
			if rest, ok := strings.CutPrefix(word, "--"+name); !ok {
				continue
			} else if value, ok := strings.CutPrefix(rest, "="); ok {
				found = append(found, value)
			} else if rest == "" && i+1 < len(c) && !strings.HasPrefix(c[i+1], "--") {
				found = append(found, c[i+1])
			}
		}
	}
	return found
}

func (c commandLine) last(name string) (string, bool) {
	values := c.values(name)
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

// shellWords splits a script into words, removes quotes, backslashes and line
// continuations, and gives each separator a word of its own. It expands
// nothing: a "$" stays, so that a caller sees that the value is not known.
func shellWords(script string) []string {
	var (
		words []string
		word  strings.Builder
		open  bool // a word has begun, if only by an empty pair of quotes
		quote rune
	)
	end := func() {
		if open {
			words = append(words, word.String())
		}
		word.Reset()
		open = false
	}
	runes := []rune(script)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == '\\' && quote != '\'' && i+1 < len(runes):
			if i++; runes[i] != '\n' {
				word.WriteRune(runes[i])
				open = true
			}
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t' || r == '\r':
			end()
		case strings.ContainsRune(";&|()\n", r):
			end()
			if i+1 < len(runes) && runes[i+1] == r && (r == '&' || r == '|') {
				i++
				words = append(words, string([]rune{r, r}))
			} else {
				words = append(words, string(r))
			}
		default:
			word.WriteRune(r)
			open = true
		}
	}
	end()
	return words
}
