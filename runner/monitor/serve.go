package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"tritonsweep/runner/local"
)

// Server serves a monitor's page at /metrics.
type Server struct {
	listener net.Listener
	anywhere bool
	server   *http.Server
	ended    chan struct{}
}

// Listen takes an address, HOST:PORT. Nothing asks who calls, so an address off
// loopback is refused unless anywhere is true.
func Listen(address string, anywhere bool) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address (hint: 127.0.0.1:9464)", address)
	}
	if !anywhere && !local.Host(host) {
		return nil, fmt.Errorf("%q is no loopback address, and nothing asks who calls (hint: 127.0.0.1:9464, or --metrics-listen-anywhere)", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &Server{listener: listener, anywhere: anywhere, ended: make(chan struct{})}, nil
}

// URL is where the page is.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/metrics" }

// Serve answers with the monitor's page until Close.
func (s *Server) Serve(m *Monitor) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, q *http.Request) {
		if !s.anywhere && !fromHere(q) {
			http.Error(w, "only for this machine", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = m.WriteTo(w) // the scraper is gone: nothing to do about it
	})
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(s.listener) // ends with Close
	}()
}

// fromHere refuses what a page in somebody's browser can ask of a server on
// loopback: a name of its own that it has resolved to 127.0.0.1 (DNS rebinding)
// shows in Host, and its own place in Origin.
func fromHere(q *http.Request) bool {
	host := q.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return local.Host(strings.Trim(host, "[]")) && q.Header.Get("Origin") == ""
}

// Close lets scrapes under way end, for a second at most, and stops.
func (s *Server) Close() error {
	if s.server == nil {
		return s.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	<-s.ended
	return err
}
