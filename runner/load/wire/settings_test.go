package wire

import (
	"context"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// strict is a server that holds the client to its settings to the byte, as
// gRPC's C++ core does: new ones count from the client's acknowledgement, in
// either direction.
type strict struct {
	peer    *peer
	acked   setting
	pending []setting
	windows map[uint32]int64 // of open requests
	got     map[uint32]int
}

type setting struct{ window, frame uint32 }

func (s *strict) send(to setting) {
	s.pending = append(s.pending, to)
	if err := s.peer.framer.WriteSettings(
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: to.window},
		http2.Setting{ID: http2.SettingMaxFrameSize, Val: to.frame},
	); err != nil {
		s.peer.t.Error(err)
	}
}

func (s *strict) ack() {
	if len(s.pending) == 0 {
		return // of the greeting
	}
	change := int64(s.pending[0].window) - int64(s.acked.window)
	s.acked, s.pending = s.pending[0], s.pending[1:]
	for id := range s.windows {
		s.windows[id] += change
	}
}

func (s *strict) data(f *http2.DataFrame, total int) {
	id, n := f.StreamID, len(f.Data())
	if uint32(n) > s.acked.frame {
		s.peer.t.Errorf("a frame of %d bytes, %d are acknowledged", n, s.acked.frame)
	}
	if s.windows[id] -= int64(n); n > 0 && s.windows[id] < 0 {
		s.peer.t.Errorf("%d bytes beyond the window of request %d", -s.windows[id], id)
	}
	s.got[id] += n
	if f.StreamEnded() {
		if s.got[id] != total {
			s.peer.t.Errorf("request %d has %d bytes", id, s.got[id])
		}
		delete(s.windows, id)
		s.peer.answer(id, nil)
	}
}

// refill gives every open request room again.
func (s *strict) refill() {
	for id := range s.windows {
		for s.windows[id] < 20_000 {
			s.windows[id] += 30_000
			if err := s.peer.framer.WriteWindowUpdate(id, 30_000); err != nil {
				s.peer.t.Error(err)
			}
		}
	}
}

// TestSettingsInOrder: while requests are under way, windows and frame sizes grow
// and shrink. The client uses none before it has acknowledged it.
func TestSettingsInOrder(t *testing.T) {
	const callers, calls, size = 4, 6, 300_000
	c := script(t, callers, nil, func(p *peer) {
		s := &strict{peer: p, acked: setting{defaultWindow, defaultFrame}, windows: map[uint32]int64{}, got: map[uint32]int{}}
		if err := p.framer.WriteWindowUpdate(0, 1<<30); err != nil {
			p.t.Error(err)
		}
		changes := []setting{{200_000, 60_000}, {30_000, 20_000}, {150_000, 100_000}, {0, defaultFrame}, {65_535, 30_000}}
		greeted := false
		for frames := 0; ; frames++ {
			f, err := p.framer.ReadFrame()
			if err != nil {
				return // the client is done
			}
			switch f := f.(type) {
			case *http2.SettingsFrame:
				if f.IsAck() && greeted {
					s.ack()
				}
				greeted = greeted || f.IsAck()
			case *http2.HeadersFrame:
				s.windows[f.StreamID] = int64(s.acked.window)
			case *http2.DataFrame:
				s.data(f, size+prefixLength)
			}
			if frames%7 == 6 {
				s.send(changes[frames/7%len(changes)])
			}
			s.refill()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for range calls {
				if _, err := c.Call(ctx, i, pattern(size), false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	_ = c.Close() // ends the script
}
