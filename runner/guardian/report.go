package guardian

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tritonsweep/internal/atomicfile"
)

// Report says what a guardian did.
type Report struct {
	Run        string    `json:"run"`
	Repository string    `json:"repository"`
	Died       time.Time `json:"died"` // when the guardian noticed
	// Files and Server are when the files were back and the server verified;
	// zero where that did not happen.
	Files  time.Time `json:"files,omitzero"`
	Server time.Time `json:"server,omitzero"`
	Error  string    `json:"error,omitempty"`
}

// String returns one line for people.
func (r Report) String() string {
	text := fmt.Sprintf("run %s of %s died on %s", r.Run, r.Repository, r.Died.Local().Format(time.DateTime))
	if !r.Files.IsZero() {
		text += fmt.Sprintf("; its guardian restored the files within %s", r.Files.Sub(r.Died).Round(time.Millisecond))
	}
	if !r.Server.IsZero() {
		text += fmt.Sprintf(" and verified the server after %s", r.Server.Sub(r.Died).Round(time.Millisecond))
	}
	if r.Error != "" {
		text += ": " + r.Error
	}
	return text
}

const suffix = ".guardian.json"

// Save writes the report into the state directory.
func (r Report) Save(dir string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, r.Run+suffix), data, 0o600)
}

// Reports returns what guardians wrote into the state directory and nobody has
// read yet.
func Reports(dir string) ([]Report, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, err
	}
	var all []Report
	for _, name := range names {
		data, readErr := os.ReadFile(name)
		var r Report
		if readErr = errors.Join(readErr, json.Unmarshal(data, &r)); readErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, readErr))
			continue
		}
		all = append(all, r)
	}
	return all, err
}

// Forget removes a report that was read.
func Forget(dir string, r Report) error {
	return atomicfile.Remove(filepath.Join(dir, filepath.Base(r.Run)+suffix))
}
