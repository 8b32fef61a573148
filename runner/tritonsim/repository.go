package tritonsim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/sweep/batcher"
	"tritonsweep/tritonconfig"
)

// found is a model as it lies on disk.
type found struct {
	name     string
	version  string // the one that the version policy serves; "" for none
	file     string // the model's file; "" for none that is known
	config   *tritonpb.ModelConfig
	profile  *batcher.Profile
	note     string    // what to know about the profile
	modified time.Time // of the youngest file
}

// pollError is why a model directory cannot be used. Triton prints the parser's
// own complaint before it.
type pollError struct {
	parser string
	reason string
}

func (e *pollError) Error() string { return e.reason }

// listModels returns the names of all directories in the root: Triton takes
// every one of them for a model.
func listModels(repository string) ([]string, error) {
	entries, err := os.ReadDir(repository)
	if err != nil {
		return nil, fmt.Errorf("reading the model repository: %w", err)
	}
	var names []string
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(repository, e.Name())); err == nil && info.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// poll reads one model. A config given as JSON replaces the file's.
func (s *Server) poll(name, override string) (*found, error) {
	repository, err := tritonconfig.OpenRepository(s.options.Repository)
	if err != nil {
		return nil, err
	}
	defer repository.Close()
	if tritonconfig.CheckModelName(name) != nil {
		return nil, &pollError{reason: fmt.Sprintf("model '%s' has a name that no directory may have", name)}
	}
	directory, err := fs.Sub(repository.Root().FS(), name)
	if err != nil {
		return nil, err
	}
	f := &found{name: name, modified: youngest(directory)}
	var given *tritonpb.ModelConfig
	if override != "" {
		given, err = parseOverride(override)
	} else {
		given, err = readConfig(repository, name)
	}
	if err != nil {
		return nil, err
	}
	f.version = version(directory, given.GetVersionPolicy())
	f.file = modelFile(directory, f.version)
	f.config = complete(given, name, f.file, s.options.GPUs)
	if err := checkConfig(f.config, name); err != nil {
		return nil, &pollError{reason: err.Error()}
	}
	if f.profile, f.note, err = s.readProfile(directory, f.config); err != nil {
		return nil, &pollError{reason: err.Error()}
	}
	return f, nil
}

func parseOverride(text string) (*tritonpb.ModelConfig, error) {
	config := new(tritonpb.ModelConfig)
	if err := protojson.Unmarshal([]byte(text), config); err != nil {
		return nil, &pollError{reason: "failed to convert the given config: " + err.Error()}
	}
	return config, nil
}

// readConfig returns the message of the model's config file; one that is empty
// or not there is an empty message.
func readConfig(repository *tritonconfig.Repository, name string) (*tritonpb.ModelConfig, error) {
	file := path.Join(repository.Dir(), name, tritonconfig.ConfigName)
	if _, err := repository.Root().Stat(path.Join(name, tritonconfig.ConfigName)); errors.Is(err, fs.ErrNotExist) {
		return new(tritonpb.ModelConfig), nil
	}
	if info, err := repository.Root().Stat(path.Join(name, tritonconfig.ConfigName)); err == nil && info.IsDir() {
		return nil, errDirectory
	}
	read, err := repository.Read(name)
	if err == nil && !utf8.Valid(read.Bytes()) { // Triton's own way through JSON loses such bytes
		read, err = tritonconfig.Parse(file, bytes.ToValidUTF8(read.Bytes(), nil))
	}
	var broken *tritonconfig.Error
	switch {
	case errors.Is(err, tritonconfig.ErrNoConfig):
		return new(tritonpb.ModelConfig), nil
	case errors.As(err, &broken):
		return nil, &pollError{parserWords(broken.Line, broken.Column, broken.Reason), "failed to read text proto from " + file}
	case err != nil:
		return nil, &pollError{reason: err.Error()}
	}
	if unknown := read.Unknown(); len(unknown) > 0 {
		field := unknown[0].Path[strings.LastIndexByte(unknown[0].Path, '.')+1:]
		words := fmt.Sprintf("Message type \"%s\" has no field named %q.", messageName(unknown[0].Path), field)
		return nil, &pollError{parserWords(unknown[0].Line, 1, words), "failed to read text proto from " + file}
	}
	return read.Config()
}

func messageName(path string) string {
	if strings.Contains(path, ".") {
		return "inference." + path[:strings.LastIndexByte(path, '.')]
	}
	return "inference.ModelConfig"
}

var (
	setTwice   = regexp.MustCompile(`^(\S+) is set twice`)
	outOfRange = regexp.MustCompile(`: (-?)\S+ is out of range$`)
)

// parserWords says what protobuf's text parser would say.
func parserWords(line, column int, reason string) string {
	if reason == "NUL byte" {
		reason = "Invalid control characters encountered in text."
	} else if m := setTwice.FindStringSubmatch(reason); m != nil {
		reason = fmt.Sprintf("Non-repeated field %q is specified multiple times.", m[1])
	} else if m := outOfRange.FindStringSubmatch(reason); m != nil && m[1] == "-" {
		reason = "Expected integer, got: -"
	} else if m != nil {
		reason = "Integer out of range."
	}
	return fmt.Sprintf("Error parsing text-format inference.ModelConfig: %d:%d: %s", line, column, reason)
}

// version returns the version that is served: the highest, or the highest that
// a specific policy names.
func version(directory fs.FS, policy *tritonpb.ModelVersionPolicy) string {
	entries, _ := fs.ReadDir(directory, ".")
	best := int64(0)
	for _, e := range entries {
		n, err := strconv.ParseInt(e.Name(), 10, 64)
		info, statErr := fs.Stat(directory, e.Name())
		if err != nil || statErr != nil || !info.IsDir() || strings.HasPrefix(e.Name(), "0") {
			continue
		}
		if named := policy.GetSpecific().GetVersions(); len(named) > 0 && !slices.Contains(named, n) {
			continue
		}
		best = max(best, n)
	}
	if best == 0 {
		return ""
	}
	return strconv.FormatInt(best, 10)
}

// modelFile returns the name of the model's file, which tells its backend.
func modelFile(directory fs.FS, version string) string {
	for _, b := range backends {
		if _, err := fs.Stat(directory, path.Join(version, b.file)); version != "" && err == nil {
			return b.file
		}
	}
	return ""
}

// youngest returns when anything in the directory was last changed.
func youngest(directory fs.FS) (at time.Time) {
	fs.WalkDir(directory, ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil && info.ModTime().After(at) {
			at = info.ModTime()
		}
		return nil
	})
	return at
}
