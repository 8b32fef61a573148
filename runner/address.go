package runner

import (
	"context"
	"errors"
	"time"

	"tritonsweep/runner/triton"
)

// address is a Server of which only the address is known. It can be asked, and
// not restarted.
type address struct{ dial triton.Options }

var _ Server = address{}

// errOnlyAddress explains what cannot be done with an address.
var errOnlyAddress = errors.New("only the server's address is known (hint: name its container with --container)")

// NewAddress returns the server at an address.
func NewAddress(dial triton.Options) Server { return address{dial} }

func (address) Restart(context.Context) error { return errOnlyAddress }

func (address) Stopped(context.Context) error { return nil }

func (address) Log(context.Context, time.Time) (string, error) { return "", errOnlyAddress }

func (a address) Connect(context.Context) (*triton.Client, error) { return triton.New(a.dial) }

func (address) Identity(context.Context) (Identity, error) { return Identity{}, nil }

func (address) WatchMemory(ctx context.Context) *int64 {
	<-ctx.Done()
	return nil
}
