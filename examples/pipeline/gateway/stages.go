package gateway

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// stages measures what a picture goes through. A stage that comes several times
// adds up.
type stages struct {
	begun time.Time

	mu    sync.Mutex
	names []string // by first end
	spent map[string]time.Duration
}

func newStages() *stages {
	return &stages{begun: time.Now(), spent: map[string]time.Duration{}}
}

// time starts a stage; the function it returns ends it.
func (s *stages) time(name string) (end func()) {
	start := time.Now()
	return func() {
		took := time.Since(start)
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, known := s.spent[name]; !known {
			s.names = append(s.names, name)
		}
		s.spent[name] += took
	}
}

// header is the value of Server-Timing (W3C), in milliseconds.
func (s *stages) header() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for _, name := range s.names {
		parts = append(parts, fmt.Sprintf("%s;dur=%.3f", name, milliseconds(s.spent[name])))
	}
	return strings.Join(append(parts, fmt.Sprintf("total;dur=%.3f", milliseconds(time.Since(s.begun)))), ", ")
}

// timings returns the stages in milliseconds.
func (s *stages) timings() map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]float64{}
	for name, d := range s.spent {
		out[name] = milliseconds(d)
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
