package triton

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tritonsweep/internal/tritonpb/service"
)

// Live reports whether the server answers at all.
func (c *Client) Live(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ServerLive(ctx, &service.ServerLiveRequest{}, limit())
	if err != nil {
		return false, c.fail(ctx, "asking whether the server is live", "", err)
	}
	return r.Live, nil
}

// ServerReady reports whether the server is ready. With strict readiness, its
// default, that means that every model it should load is loaded.
func (c *Client) ServerReady(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ServerReady(ctx, &service.ServerReadyRequest{}, limit())
	if err != nil {
		return false, c.fail(ctx, "asking whether the server is ready", "", err)
	}
	return r.Ready, nil
}

// ModelReady reports whether the model can be asked; false also when the server
// does not know it.
func (c *Client) ModelReady(ctx context.Context, model string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ModelReady(ctx, &service.ModelReadyRequest{Name: model}, limit())
	if err != nil {
		return false, c.fail(ctx, "asking for readiness", model, err)
	}
	return r.Ready, nil
}

// Wait adjusts WaitReady. The zero value asks every 50 ms at first, then less
// often, up to once a second.
type Wait struct {
	// Stopped, when set, is called before each round. Its error ends the wait:
	// the container has exited, so that no time will help.
	Stopped func() error
	// Ask bounds each question; 2 s when zero. A paused server takes the
	// question and never answers.
	Ask time.Duration
}

const (
	firstPause = 50 * time.Millisecond
	longPause  = time.Second
	// hopeless rounds in which the server is ready and says that the model is
	// not loaded: once may be a moment between two states.
	hopeless = 3
)

// WaitReady returns nil once the server is live and ready and the model (the
// server alone for an empty name) is ready, all asked over gRPC. It gives up
// when ctx ends, when w.Stopped reports an end, when the API is restricted, and
// when the server is ready but does not have the model or failed to load it
// (ErrUnknownModel, ErrUnavailable).
func (c *Client) WaitReady(ctx context.Context, model string, w Wait) error {
	ask := orDefault(w.Ask, 2*time.Second)
	refused := 0
	for pause := firstPause; ; pause = min(pause*3/2, longPause) {
		if w.Stopped != nil {
			if err := w.Stopped(); err != nil {
				return fmt.Errorf("waiting for %s: %w", target(model), err)
			}
		}
		state, err := c.askReady(ctx, model, ask)
		switch {
		case state == ready:
			return nil
		case errors.Is(err, ErrRestricted):
			return fmt.Errorf("waiting for %s: %w", target(model), err)
		case state == refusing:
			if refused++; refused >= hopeless {
				return fmt.Errorf("waiting for %s: %w", target(model), err)
			}
		default:
			refused = 0
		}
		select {
		case <-time.After(pause):
			c.resetDelay()
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", target(model), ctx.Err(), err)
		}
	}
}

func target(model string) string {
	if model == "" {
		return "the server to be ready"
	}
	return "model " + quoteName(model) + " to be ready"
}

type readiness int

const (
	silent   readiness = iota // no answer, or an unhappy one
	starting                  // answers, not ready yet
	refusing                  // ready, without the model
	ready
)

// askReady asks in the order in which the answers become true.
func (c *Client) askReady(ctx context.Context, model string, timeout time.Duration) (readiness, error) {
	short := *c
	short.callTimeout = timeout
	if live, err := short.Live(ctx); err != nil || !live {
		return silent, orElse(err, "the server is not live")
	}
	// The whole server, since other models that still load would be measured too.
	if ok, err := short.ServerReady(ctx); err != nil || !ok {
		return starting, orElse(err, "the server is not ready")
	}
	if model == "" {
		return ready, nil
	}
	ok, err := short.ModelReady(ctx, model)
	switch {
	case err != nil:
		return starting, err
	case ok:
		return ready, nil
	}
	return short.whyNot(ctx, model)
}

// whyNot tells a model that is loading from one that will not come.
func (c *Client) whyNot(ctx context.Context, model string) (readiness, error) {
	models, err := c.RepositoryIndex(ctx)
	if err != nil {
		return starting, fmt.Errorf("the model is not ready: %w", err)
	}
	var (
		names []string
		found *ModelIndex
	)
	for _, m := range models {
		if m.Name == model && (m.State == StateLoading || m.State == StateReady) {
			return starting, errors.New("the model is loading")
		}
		if m.Name == model {
			found = &m
		}
		names = append(names, oneLine(m.Name))
	}
	if found != nil {
		return refusing, fmt.Errorf("%w: %s", ErrUnavailable, found.explain())
	}
	return refusing, unknown(model, names)
}

func orElse(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}
