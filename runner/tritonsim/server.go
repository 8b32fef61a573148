package tritonsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Server is a simulated Triton. It is safe for concurrent use.
type Server struct {
	options Options
	log     log

	mu      sync.Mutex
	process *process // the current or last one; nil before the first start
	ends    Endpoints
	starts  int
}

// Endpoints are the addresses that a Server listens on, host:port.
type Endpoints struct{ GRPC, HTTP, Metrics string }

// MetricsURL returns the address of the metrics page.
func (e Endpoints) MetricsURL() string { return "http://" + e.Metrics + "/metrics" }

// ErrStopped says that the server was stopped, or never started.
var ErrStopped = errors.New("the simulated server does not run")

// ExitError says that the server ended by itself, as Triton does when it
// refuses a model.
type ExitError struct {
	Code   int
	Reason string // what it printed last
	cause  error
}

func (e *ExitError) Unwrap() error { return e.cause }

// Error returns for example "the simulated server exited with code 1: ...".
func (e *ExitError) Error() string {
	return fmt.Sprintf("the simulated server exited with code %d: %s", e.Code, e.Reason)
}

// New returns a server that is not started. An error says what is wrong with
// the options; the repository is read by Start.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("simulating a server: %w", err)
	}
	return &Server{options: o, ends: Endpoints{o.GRPC, o.HTTP, o.Metrics}}, nil
}

// CopyLog lets what the server prints go to w as well, from now on.
func (s *Server) CopyLog(w io.Writer) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.copy = w
}

// Start starts the server and returns when it is ready, with an *ExitError
// when it refuses a model, or when ctx ends, which stops it.
func (s *Server) Start(ctx context.Context) error {
	p, err := s.launch()
	if err != nil {
		return err
	}
	select {
	case <-p.ready:
		return nil
	case <-p.exited:
		return p.exit()
	case <-ctx.Done():
		p.stop()
		return fmt.Errorf("starting the simulated server: %w", ctx.Err())
	}
}

// Restart stops the server, lets requests under way finish, and starts it
// again. It returns when the new process begins to load its models: whether it
// gets ready is another question, and Stopped has the answer.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return err
	}
	_, err := s.launch()
	return err
}

// Close stops the server. Closing twice is no error.
func (s *Server) Close() error { return s.stop(context.Background()) }

func (s *Server) stop(ctx context.Context) error {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	done := make(chan struct{})
	go func() { defer close(done); p.stop() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopping the simulated server: %w", ctx.Err())
	}
}

// launch starts a process.
func (s *Server) launch() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && s.process.exit() == nil {
		return nil, errors.New("the simulated server runs already")
	}
	p, err := newProcess(s, s.options.Seed+uint64(s.starts))
	if err != nil {
		return nil, err
	}
	s.process = p
	s.starts++
	go p.run()
	return p, nil
}

// Stopped returns nil while the server runs or starts, else why it does not: an
// *ExitError, or ErrStopped.
func (s *Server) Stopped() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return ErrStopped
	}
	return s.process.exit()
}

// Log returns what the server printed since a time.
func (s *Server) Log(since time.Time) string { return s.log.since(since) }

// Endpoints returns the addresses. Until the first start is complete a free
// port is 0.
func (s *Server) Endpoints() Endpoints {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends
}

// StartedAt returns when the current or last process started.
func (s *Server) StartedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return time.Time{}
	}
	return s.process.started
}

// Repository returns the directory that is served.
func (s *Server) Repository() string { return s.options.Repository }

// TimeScale returns the factor of all service times.
func (s *Server) TimeScale() float64 { return s.options.TimeScale }

// Memory returns what all loaded instances would take by their profiles, in
// bytes; 0 when nothing is known.
func (s *Server) Memory() int64 {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil || p.exit() != nil {
		return 0
	}
	return p.memory()
}
