package triton

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

// States of a model in the repository index.
const (
	StateReady       = "READY"
	StateLoading     = "LOADING"
	StateUnloading   = "UNLOADING"
	StateUnavailable = "UNAVAILABLE"
)

// ModelIndex is one version of a model that the server knows. Version and
// State are empty for a model that lies in the repository and was never loaded.
type ModelIndex struct {
	Name, Version, State, Reason string
}

func (m ModelIndex) explain() string {
	switch {
	case m.State == "":
		return "the model is in the repository and not loaded; the server's log says whether it was refused"
	case m.Reason != "":
		return fmt.Sprintf("the model's state is %s (%s)", oneLine(m.State), oneLine(m.Reason))
	}
	return "the model's state is " + oneLine(m.State)
}

// RepositoryIndex lists the models that the server knows, loaded or not.
func (c *Client) RepositoryIndex(ctx context.Context) ([]ModelIndex, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	list, err := c.index(ctx)
	if err != nil {
		return nil, c.fail(ctx, "listing the models", "", err)
	}
	return list, nil
}

func (c *Client) index(ctx context.Context) ([]ModelIndex, error) {
	r, err := c.api.RepositoryIndex(ctx, &service.RepositoryIndexRequest{}, limit())
	if err != nil {
		return nil, err
	}
	var list []ModelIndex
	for _, m := range r.Models {
		list = append(list, ModelIndex{Name: m.GetName(), Version: m.GetVersion(), State: m.GetState(), Reason: m.GetReason()})
	}
	return list, nil
}

// Load loads the model, with the config in override (see ConfigOverride)
// instead of the file's when it is not empty. The old one serves until the new
// one is loaded, and goes on serving when that fails (ErrRefused).
//
// An override sticks: Load without one leaves it in force until the config file
// changes or the model is unloaded. Reload removes it.
func (c *Client) Load(ctx context.Context, model, override string) error {
	if err := checkName(model); err != nil {
		return err
	}
	request := &service.RepositoryModelLoadRequest{ModelName: model}
	if override != "" {
		if err := checkOverride(override); err != nil {
			return fmt.Errorf("loading model %s: %w", quoteName(model), err)
		}
		request.Parameters = map[string]*service.ModelRepositoryParameter{
			"config": {ParameterChoice: &service.ModelRepositoryParameter_StringParam{StringParam: override}},
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.loadTimeout)
	defer cancel()
	if _, err := c.api.RepositoryModelLoad(ctx, request, limit()); err != nil {
		return c.failLoad(ctx, model, err)
	}
	return nil
}

// failLoad adds one way of saying no to those that fail knows: what Triton can
// tell about a load it tells as INVALID_ARGUMENT.
func (c *Client) failLoad(ctx context.Context, model string, err error) error {
	s := status.Convert(err)
	if s.Code() == codes.InvalidArgument && !isMissing(s.Message()) {
		return wrap(fmt.Errorf("loading model %s: %w: %s", quoteName(model), ErrRefused, oneLine(s.Message())), err)
	}
	if s.Code() == codes.Internal {
		// Triton says the same of a name it does not have.
		if missing := c.missing(ctx, model, ""); errors.Is(missing, ErrUnknownModel) {
			return wrap(fmt.Errorf("loading model %s: %w", quoteName(model), missing), err)
		}
	}
	return c.fail(ctx, "the load", model, err)
}

// Unload unloads the model and returns when it is unloaded: Triton answers
// before that. Requests then fail. Unloading an unloaded model is no error.
func (c *Client) Unload(ctx context.Context, model string) error {
	if err := checkName(model); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.loadTimeout)
	defer cancel()
	if _, err := c.api.RepositoryModelUnload(ctx, &service.RepositoryModelUnloadRequest{ModelName: model}, limit()); err != nil {
		return c.fail(ctx, "the unload", model, err)
	}
	for {
		list, err := c.index(ctx)
		if err != nil {
			return c.fail(ctx, "waiting for the unload", model, err)
		}
		if !busy(list, model) {
			return nil
		}
		select {
		case <-time.After(firstPause):
		case <-ctx.Done():
			return fmt.Errorf("waiting for the unload of model %s: %w", quoteName(model), ctx.Err())
		}
	}
}

func busy(list []ModelIndex, model string) bool {
	for _, m := range list {
		if m.Name == model && m.State != "" && m.State != StateUnavailable {
			return true
		}
	}
	return false
}

// Reload unloads the model and loads it as its file says: the only way by
// requests to leave an override. Requests in between fail.
func (c *Client) Reload(ctx context.Context, model string) error {
	if err := c.Unload(ctx, model); err != nil {
		return err
	}
	return c.Load(ctx, model, "")
}

// checkName keeps load requests inside the repository: Triton takes ".." for
// the directory above it.
func checkName(model string) error {
	if model == "" || model == "." || model == ".." || strings.ContainsAny(model, "/\\\x00\n") {
		return fmt.Errorf("model name %s: not a plain name", quoteName(model))
	}
	return nil
}

// ConfigOverride writes a whole model config as Load takes it. The override
// replaces the file's config altogether, and Triton loads one without inputs or
// outputs as READY and then fails every request, so an incomplete one wraps
// ErrIncomplete. Fields that are newer than the server are refused by it.
func ConfigOverride(config *tritonpb.ModelConfig) (string, error) {
	// Unset fields must not be written: Triton's parser refuses a null and a
	// name it does not know. 64-bit integers as strings and enum names are fine.
	text, err := MarshalConfig(config)
	if err != nil {
		return "", err
	}
	if err := checkOverride(string(text)); err != nil {
		return "", fmt.Errorf("override for model %s: %w", quoteName(config.GetName()), err)
	}
	return string(text), nil
}

func checkOverride(text string) error {
	var config struct{ Input, Output []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	if len(config.Input) == 0 || len(config.Output) == 0 {
		return fmt.Errorf("%w: it has %d inputs and %d outputs; start from the config in force",
			ErrIncomplete, len(config.Input), len(config.Output))
	}
	return nil
}
