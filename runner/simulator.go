package runner

import (
	"context"
	"time"

	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
)

// simulator is the Server that is simulated in this process.
type simulator struct{ server *tritonsim.Server }

var _ Server = simulator{}

// NewSimulator returns the simulated server as a Server. Points measured on it
// say that it was simulated (Identity.Simulated).
func NewSimulator(s *tritonsim.Server) Server { return simulator{s} }

func (s simulator) Restart(ctx context.Context) error { return s.server.Restart(ctx) }

func (s simulator) Stopped(context.Context) error { return s.server.Stopped() }

func (s simulator) Log(_ context.Context, since time.Time) (string, error) {
	return s.server.Log(since), nil
}

func (s simulator) Connect(context.Context) (*triton.Client, error) {
	ends := s.server.Endpoints()
	return triton.New(triton.Options{GRPCAddr: ends.GRPC, MetricsURL: ends.MetricsURL()})
}

func (s simulator) Identity(context.Context) (Identity, error) {
	return Identity{ID: "simulated", Name: "simulated Triton", StartedAt: s.server.StartedAt(), HTTP: s.server.Endpoints().HTTP, Simulated: true}, nil
}

// WatchMemory returns what the profiles give for all loaded instances.
func (s simulator) WatchMemory(ctx context.Context) *int64 {
	bytes := s.server.Memory()
	<-ctx.Done()
	if bytes == 0 {
		return nil
	}
	return &bytes
}
