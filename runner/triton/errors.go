package triton

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/nearest"
)

// Reasons that a caller decides on, to be tested with errors.Is. What wraps
// them also carries the gRPC status (status.FromError finds it).
var (
	// ErrUnavailable: nobody answers, or the model is there and not loaded.
	// It may pass: the server may be starting, loading or stopping.
	ErrUnavailable = errors.New("not available")
	// ErrUnknownModel: the server's repository has no model of that name.
	ErrUnknownModel = errors.New("unknown model")
	// ErrRestricted: the API needs a header that was not sent. On the wire it
	// looks like an outage, but trying again does not help.
	ErrRestricted = errors.New("restricted API")
	// ErrNotTriton: something answers, but not Triton's gRPC service.
	ErrNotTriton = errors.New("not Triton's gRPC service")
	// ErrTooLarge: the answer is larger than the receive limit.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrControlMode: load and unload need explicit model control.
	ErrControlMode = errors.New("needs --model-control-mode=explicit")
	// ErrRefused: the server would not load the model with that config. Its
	// reason is only in its log.
	ErrRefused = errors.New("the server refused to load the model")
	// ErrIncomplete: a config that Triton would load and could not serve.
	ErrIncomplete = errors.New("incomplete model config")
	// ErrReset: a counter fell between two readings.
	ErrReset = errors.New("the server's counters were reset")
	// ErrNoMetrics: no metrics page, or none of Triton's metrics on it.
	ErrNoMetrics = errors.New("no Triton metrics")
)

// fail explains a failed call: what was asked, of which model, and what to do.
func (c *Client) fail(ctx context.Context, doing, model string, err error) error {
	if err == nil {
		return nil
	}
	if model != "" {
		doing += " of model " + quoteName(model)
	}
	s := status.Convert(err)
	text := oneLine(s.Message())
	switch s.Code() {
	case codes.Canceled:
		return wrap(fmt.Errorf("%s: %w", doing, context.Canceled), err)
	case codes.DeadlineExceeded:
		return wrap(fmt.Errorf("%s: no answer from %s in time: %w", doing, c.address, context.DeadlineExceeded), err)
	case codes.NotFound, codes.InvalidArgument:
		if model != "" && isMissing(text) {
			return wrap(fmt.Errorf("%s: %w", doing, c.missing(ctx, model, text)), err)
		}
	case codes.Unavailable:
		return wrap(fmt.Errorf("%s: %w", doing, c.outage(text)), err)
	case codes.Internal:
		if strings.Contains(text, "failed to load") {
			return wrap(fmt.Errorf("%s: %w: %s; the server's log has the reason", doing, ErrRefused, text), err)
		}
	case codes.ResourceExhausted:
		if strings.Contains(text, "larger than max") {
			return wrap(fmt.Errorf("%s: %w: %s", doing, ErrTooLarge, text), err)
		}
	case codes.Unimplemented:
		return wrap(fmt.Errorf("%s: %w at %s: %s", doing, ErrNotTriton, c.address, text), err)
	}
	return wrap(fmt.Errorf("%s: %s (%s)", doing, text, s.Code()), err)
}

// wrapped keeps the status of an error whose text was rewritten.
type wrapped struct {
	error
	cause error
}

func wrap(err, cause error) error             { return &wrapped{err, cause} }
func (w *wrapped) Unwrap() []error            { return []error{w.error, w.cause} }
func (w *wrapped) GRPCStatus() *status.Status { return status.Convert(w.cause) }

// isMissing recognises the ways in which Triton says that a model is not there.
func isMissing(text string) bool {
	return strings.Contains(text, "unknown model") || strings.Contains(text, "is not available") ||
		strings.Contains(text, "has no available versions")
}

// outage tells the causes of UNAVAILABLE apart.
func (c *Client) outage(text string) error {
	switch {
	case strings.Contains(text, "is restricted"):
		return fmt.Errorf("%w: %s; give that header to the tool", ErrRestricted, text)
	case strings.Contains(text, "explicit model load"):
		return fmt.Errorf("%w: the server takes no load or unload requests", ErrControlMode)
	case strings.Contains(text, "HTTP/1"):
		return fmt.Errorf("%w at %s: it looks like an HTTP port; gRPC is 8001 by default", ErrNotTriton, c.address)
	case strings.Contains(text, "server preface"):
		// Triton's HTTP port does this, and so does Docker's port proxy before Triton listens.
		return fmt.Errorf("%w: %s closes the connection; either Triton is starting, or this is not its gRPC port (8001 by default)",
			ErrUnavailable, c.address)
	case strings.Contains(text, "connect"):
		return fmt.Errorf("%w: nobody answers at %s (%s; hint: is Triton running, and is this its gRPC port?)", ErrUnavailable, c.address, text)
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, text)
}

// missing asks the server what it has, to say whether the model is unknown or
// just not loaded.
func (c *Client) missing(ctx context.Context, model, text string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	models, err := c.index(ctx)
	if err != nil { // restricted, perhaps: the words must do
		if strings.Contains(text, "is not found") {
			return fmt.Errorf("%w %s", ErrUnknownModel, quoteName(model))
		}
		return fmt.Errorf("%w: %s", ErrUnavailable, text)
	}
	var names []string
	for _, m := range models {
		if m.Name == model {
			return fmt.Errorf("%w: %s", ErrUnavailable, m.explain())
		}
		names = append(names, oneLine(m.Name))
	}
	return unknown(model, names)
}

func unknown(model string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("%w %s: the server has none", ErrUnknownModel, quoteName(model))
	}
	slices.Sort(names)
	names = slices.Compact(names) // one for each version
	hint := ""
	if near := nearest.Likely(model, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return fmt.Errorf("%w %s (hint: the server has %s%s)", ErrUnknownModel, quoteName(model), shorten(names), hint)
}

func shorten(names []string) string {
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// oneLine makes a server's text fit for one line of a terminal: no control or
// direction characters, at most 600 bytes.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	const most = 600
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strings.TrimSpace(text)
}

func quoteName(name string) string { return fmt.Sprintf("%q", oneLine(name)) }
