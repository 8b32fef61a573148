package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Spec is a file of targets.
type Spec struct {
	// Base is what relative URLs of targets continue.
	Base    string             `yaml:"base"`
	Targets map[string]*Target `yaml:"targets"`
}

// Target is one route of an API: what to send, and what a success is.
type Target struct {
	Name string `yaml:"-"`
	URL  string `yaml:"url"`
	// Method is POST where there is a body, else GET, unless named.
	Method string `yaml:"method"`

	// At most one of these is the body.
	Multipart []Part `yaml:"multipart"`
	JSON      any    `yaml:"json"`
	Raw       *Raw   `yaml:"raw"`

	Headers map[string]Secret `yaml:"headers"`
	Success Rule              `yaml:"success"`
	Stages  StageSource       `yaml:"stages"`
	// Goal is the throughput to reach, in requests a second; 0 means none.
	Goal float64 `yaml:"goal"`
}

// Part is one field of a multipart form: files in rotation, or a value.
type Part struct {
	Field string `yaml:"field"`
	Files string `yaml:"files"` // a pattern; relative to the spec's folder
	Type  string `yaml:"type"`  // media type; by the file's name unless named
	Value string `yaml:"value"`
}

// Raw is a body that is sent as it is: files in rotation, or a text.
type Raw struct {
	Files string `yaml:"files"`
	Type  string `yaml:"type"`
	Text  string `yaml:"text"`
}

// Secret is a header's value: a text, or where to find it. What was found is
// sent and nowhere stored or shown.
type Secret struct {
	Value string `yaml:"value"`
	Env   string `yaml:"env"`
	File  string `yaml:"file"`
}

// UnmarshalYAML reads a text, or an object with the key env or file.
func (s *Secret) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&s.Value) == nil {
		return nil
	}
	type plain Secret
	return unmarshal((*plain)(s))
}

// Rule says what a success is, beside the status code: a field of the answer's
// JSON that exists, and has a given value if one is given.
type Rule struct {
	JSON   string `yaml:"json"`
	Equals any    `yaml:"equals"`
}

// StageSource says where an answer tells how long its stages took.
type StageSource struct {
	ServerTiming bool `yaml:"server-timing"`
	// JSON is the path of an object whose numbers are milliseconds.
	JSON string `yaml:"json"`
}

// Parse reads a spec. Unknown and repeated keys are errors that name line and
// column.
func Parse(data []byte) (Spec, error) {
	var s Spec
	if err := yaml.UnmarshalWithOptions(data, &s, yaml.Strict()); err != nil {
		return s, errors.New(strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if len(s.Targets) == 0 {
		return s, errors.New(`no targets (hint: "targets:", and under it a name and its "url:")`)
	}
	return s, nil
}

// Names returns the targets' names in order.
func (s Spec) Names() []string { return slices.Sorted(maps.Keys(s.Targets)) }

// Resolve completes and checks every target. A base that is not empty replaces
// the spec's own.
func (s Spec) Resolve(base string) error {
	if base == "" {
		base = s.Base
	}
	for _, name := range s.Names() {
		t := s.Targets[name]
		if t == nil {
			return fmt.Errorf(`targets.%s is empty (hint: it needs "url:")`, name)
		}
		t.Name = name
		if err := t.resolve(base); err != nil {
			return fmt.Errorf("targets.%s.%w", name, err)
		}
	}
	return nil
}

func (t *Target) resolve(base string) error {
	root, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("url: the base %q: %w", base, err)
	}
	u, err := root.Parse(t.URL)
	switch {
	case err != nil:
		return fmt.Errorf("url: %w", err)
	case t.URL == "" || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("url: %q is no http or https address (hint: http://127.0.0.1:4603/v1/face)", u.Redacted())
	case u.User != nil:
		return errors.New("url: it holds a password, which would be stored with the results (hint: a header from env or file)")
	}
	t.URL = u.String()
	if err := t.checkBody(); err != nil {
		return err
	}
	return t.check()
}

func (t *Target) checkBody() error {
	bodies := 0
	for _, there := range []bool{t.Multipart != nil, t.JSON != nil, t.Raw != nil} {
		if there {
			bodies++
		}
	}
	if bodies > 1 {
		return errors.New("multipart: only one of multipart, json and raw can be the body")
	}
	for i, p := range t.Multipart {
		if p.Field == "" || (p.Files == "") == (p.Value == "") {
			return fmt.Errorf("multipart.%d: it needs a field, and either files or a value", i)
		}
	}
	if t.Raw != nil && (t.Raw.Files == "") == (t.Raw.Text == "") {
		return errors.New("raw: it needs either files or a text")
	}
	if t.Method == "" {
		t.Method = http.MethodGet
		if bodies > 0 {
			t.Method = http.MethodPost
		}
	}
	return nil
}

func (t *Target) check() error {
	switch {
	case strings.ContainsFunc(t.Method, func(r rune) bool { return r < 'A' || r > 'Z' }):
		return fmt.Errorf("method: %q is none (hint: POST)", t.Method)
	case t.Success.Equals != nil && t.Success.JSON == "":
		return errors.New("success: a value to equal, but no json path to find it at")
	case t.Goal < 0:
		return fmt.Errorf("goal: %g requests a second", t.Goal)
	}
	for name, s := range t.Headers {
		if s.Value != "" && (s.Env != "" || s.File != "") || s.Env != "" && s.File != "" {
			return fmt.Errorf("headers.%s: only one of value, env and file", name)
		}
	}
	return nil
}

// Address is the target's URL without its query, for records and people: the
// query may hold what is nobody's business.
func (t *Target) Address() string {
	u, err := url.Parse(t.URL)
	if err != nil {
		return ""
	}
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}
