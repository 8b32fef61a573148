package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tritonsweep/runner/load"
)

// Limits of what is sent in rotation, which is held in memory.
const (
	mostFiles  = 1024
	mostBodies = 1 << 30 // bytes, all bodies together
)

// Request is what a target is sent: bodies in rotation, and the header.
type Request struct {
	target *Target
	header http.Header
	bodies [][]byte
	files  map[string][32]byte // SHA-256 of each file that is in a body
}

// Encode reads the target's files, relative to a folder, and encodes every body
// once.
func (t *Target) Encode(folder string) (*Request, error) {
	r := &Request{target: t, header: http.Header{"User-Agent": {"tritonsweep"}}, files: map[string][32]byte{}}
	var kind string
	var err error
	switch {
	case t.Multipart != nil:
		r.bodies, kind, err = r.multipart(folder)
	case t.Raw != nil:
		r.bodies, kind, err = r.raw(folder)
	case t.JSON != nil:
		var body []byte
		body, err = json.Marshal(t.JSON)
		r.bodies, kind = [][]byte{body}, "application/json"
	default:
		r.bodies = [][]byte{nil}
	}
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", t.Name, err)
	}
	if kind != "" {
		r.header.Set("Content-Type", kind)
	}
	for name, secret := range t.Headers {
		value, err := secret.Reveal(folder)
		if err != nil {
			return nil, fmt.Errorf("target %s: header %s: %w", t.Name, name, err)
		}
		r.header.Set(name, value)
	}
	return r, nil
}

// Target is what the request was made for.
func (r *Request) Target() *Target { return r.target }

// Distinct is how many different bodies are sent.
func (r *Request) Distinct() int { return len(r.bodies) }

// Load is the request as runner/load sends it.
func (r *Request) Load() (*load.Request, error) {
	about := "a status code of 2xx"
	if rule := r.target.Success; rule.JSON != "" {
		about += ", and " + rule.JSON + " as asked for"
	}
	return load.NewOpaqueRequest(load.Opaque{
		Name: "target " + r.target.Name, Bodies: r.bodies, About: about,
		Check: func([]byte) error { return nil }, // the client has judged every answer
	})
}

// Reveal returns a header's value.
func (s Secret) Reveal(folder string) (string, error) {
	value := s.Value
	switch {
	case s.Env != "":
		var set bool
		if value, set = os.LookupEnv(s.Env); !set {
			return "", fmt.Errorf("the environment has no %s", s.Env)
		}
	case s.File != "":
		data, err := os.ReadFile(within(folder, s.File))
		if err != nil {
			return "", err
		}
		value = strings.TrimSpace(string(data))
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("the value has several lines")
	}
	return value, nil
}

func within(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// find returns the files of a pattern, in order.
func find(folder, pattern string) ([]string, error) {
	names, err := filepath.Glob(within(folder, pattern))
	switch {
	case err != nil:
		return nil, fmt.Errorf("files %q: %w", pattern, err)
	case len(names) == 0:
		return nil, fmt.Errorf("files %q: there are none (hint: the pattern is relative to the spec's folder)", pattern)
	case len(names) > mostFiles:
		return nil, fmt.Errorf("files %q: %d files, at most %d are sent in rotation", pattern, len(names), mostFiles)
	}
	slices.Sort(names)
	return names, nil
}

// kindOf is the media type of a file by its name.
func kindOf(name, named string) string {
	if named != "" {
		return named
	}
	if kind := mime.TypeByExtension(filepath.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// read reads a file and remembers what was in it.
func (r *Request) read(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err == nil {
		r.files[name] = sha256.Sum256(data)
	}
	return data, err
}

// Source tells what is sent: the number of files and a digest of what is in
// them, whatever their names and the form around them.
func (r *Request) Source() string {
	if len(r.files) == 0 {
		return "no files"
	}
	sums := slices.SortedFunc(maps.Values(r.files), func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	whole := sha256.New()
	for _, sum := range sums {
		whole.Write(sum[:])
	}
	return fmt.Sprintf("%d files, sha256 %x", len(sums), whole.Sum(nil)[:6])
}

func (r *Request) raw(folder string) (bodies [][]byte, kind string, err error) {
	raw := r.target.Raw
	if raw.Text != "" {
		return [][]byte{[]byte(raw.Text)}, kindOf("x.txt", raw.Type), nil
	}
	names, err := find(folder, raw.Files)
	if err != nil {
		return nil, "", err
	}
	total := 0
	for _, name := range names {
		data, err := r.read(name)
		if err != nil {
			return nil, "", err
		}
		if total += len(data); total > mostBodies {
			return nil, "", tooMuch()
		}
		bodies = append(bodies, data)
	}
	return bodies, kindOf(names[0], raw.Type), nil
}

func tooMuch() error {
	return fmt.Errorf("the bodies have more than %d bytes together, and are held in memory (hint: fewer files)", mostBodies)
}

// boundary divides the parts of a form. It is long enough not to occur in a
// file by chance; where it does, encoding refuses.
const boundary = "tritonsweep-7c1d8a52f09b46e3b5d0c6aa13f7e894"

// multipart encodes one form for each file of the longest rotation.
func (r *Request) multipart(folder string) (bodies [][]byte, kind string, err error) {
	t := r.target
	files := make([][]string, len(t.Multipart))
	rotation, total := 1, 0
	for i, p := range t.Multipart {
		if p.Files == "" {
			continue
		}
		if files[i], err = find(folder, p.Files); err != nil {
			return nil, "", err
		}
		rotation = max(rotation, len(files[i]))
	}
	for n := range rotation {
		body, err := r.form(files, n)
		if err != nil {
			return nil, "", err
		}
		if total += len(body); total > mostBodies {
			return nil, "", tooMuch()
		}
		bodies = append(bodies, body)
	}
	return bodies, "multipart/form-data; boundary=" + boundary, nil
}

// form encodes form number n.
func (r *Request) form(files [][]string, n int) ([]byte, error) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	if err := w.SetBoundary(boundary); err != nil {
		return nil, err
	}
	for i, p := range r.target.Multipart {
		if files[i] == nil {
			if err := w.WriteField(p.Field, p.Value); err != nil {
				return nil, err
			}
			continue
		}
		name := files[i][n%len(files[i])]
		data, err := r.read(name)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(data, []byte(boundary)) {
			return nil, fmt.Errorf("%s holds the text that divides the parts of a form", name)
		}
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", multipart.FileContentDisposition(p.Field, filepath.Base(name)))
		header.Set("Content-Type", kindOf(name, p.Type))
		part, err := w.CreatePart(header)
		if err != nil {
			return nil, err
		}
		if _, err := part.Write(data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
