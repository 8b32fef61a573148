package tritonsim

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/sweep/batcher"
)

// ProfileName is the file beside config.pbtxt that says what a model costs.
const ProfileName = "profile.json"

// defaultProfile is for models without one: a mid-sized network on one GPU.
const defaultProfile = `{"source": "none: made up", "device": "gpu0", "load_ms": 100,
	"compute_ms": {"1": 4.0, "8": 6.0, "32": 14.0}, "input_copy_ms": {"1": 0.2, "32": 1.2}, "output_copy_ms": {"1": 0.1, "32": 0.3}}`

// ProfileNote returns what a user should know about the times of a model: which of
// them its profile does not hold, or that there is none. It is empty where the
// profile holds all, and where there is no such model.
func (s *Server) ProfileNote(model string) string {
	f, err := s.poll(model, "")
	if err != nil { // its load says why
		return ""
	}
	return f.note
}

// readProfile returns the model's profile with its times scaled, and what a
// user should know about it.
func (s *Server) readProfile(directory fs.FS, config *tritonpb.ModelConfig) (*batcher.Profile, string, error) {
	name, note := path.Join(config.Name, ProfileName), ""
	data, err := fs.ReadFile(directory, ProfileName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		data, note = []byte(defaultProfile), "no "+name+": its times are made up"
	case err != nil:
		return nil, "", fmt.Errorf("reading %s: %w", name, err)
	}
	profile, err := batcher.ParseProfile(name, data)
	if err != nil {
		return nil, "", err
	}
	if note == "" {
		note = profile.Note(max(1, int(config.MaxBatchSize)))
	}
	scale := s.options.TimeScale
	if own, ok := config.Parameters["time_scale"]; ok {
		factor, err := strconv.ParseFloat(own.GetStringValue(), 64)
		if err != nil {
			return nil, "", fmt.Errorf("parameter time_scale of model %s: %w", config.Name, err)
		}
		scale *= factor
	}
	if profile, err = profile.Slower(scale); err != nil {
		return nil, "", fmt.Errorf("model %s: %w", config.Name, err)
	}
	return profile, note, nil
}
