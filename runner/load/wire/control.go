package wire

import (
	"encoding/binary"
	"slices"
)

// small handles the frames that fit the buffer.
func (r *reader) small(f frameHeader) error {
	if f.length > readBuffer/2 {
		return protocolError("a frame of type %d with %d bytes", f.kind, f.length)
	}
	payload, err := r.in.Peek(f.length)
	if err != nil {
		return err
	}
	c := r.conn
	c.state.Lock()
	defer c.state.Unlock()
	switch f.kind {
	case frameRSTStream:
		if f.length != 4 {
			return protocolError("a reset of %d bytes", f.length)
		}
		if call, open := c.calls[f.stream]; open {
			c.finish(call, resetStatus(binary.BigEndian.Uint32(payload)))
		}
	case frameSettings:
		err = c.settings(f, payload)
	case framePing:
		if f.length != 8 {
			return protocolError("a ping of %d bytes", f.length)
		}
		if f.flags&flagAck == 0 {
			c.queue(append(appendHeader(nil, 8, framePing, flagAck, 0), payload...))
		}
	case frameGoAway:
		err = c.goAway(payload)
	case frameWindowUpdate:
		err = c.windowUpdate(f, payload)
	}
	_, _ = r.in.Discard(f.length)
	return err
}

// settings applies the server's settings; state is held.
func (c *conn) settings(f frameHeader, payload []byte) error {
	if f.flags&flagAck != 0 {
		return nil
	}
	if f.length%6 != 0 {
		return protocolError("settings of %d bytes", f.length)
	}
	for ; len(payload) > 0; payload = payload[6:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch binary.BigEndian.Uint16(payload) {
		case settingMaxConcurrentStreams:
			c.places = int(min(value, CallersPerConnection))
		case settingInitialWindowSize:
			if value > largestWindow {
				return protocolError("an initial window of %d", value)
			}
			change := int64(value) - c.initial
			c.initial = int64(value)
			for _, call := range c.calls {
				call.window += change // it may become negative, and wait
			}
		case settingMaxFrameSize:
			if value < defaultFrame || value > largestFrame {
				return protocolError("a largest frame of %d", value)
			}
			c.frame = int(value)
		}
	}
	c.queue(appendHeader(nil, 0, frameSettings, flagAck, 0))
	c.wakeAll()
	return nil
}

// goAway lets the calls that the server still serves finish; state is held.
func (c *conn) goAway(payload []byte) error {
	if len(payload) < 8 {
		return protocolError("a goodbye of %d bytes", len(payload))
	}
	last := binary.BigEndian.Uint32(payload) &^ (1 << 31)
	c.draining = true
	for id, call := range c.calls {
		if id > last {
			c.finish(call, unavailable("the server asked for no more calls, HTTP/2 error code %d %q", binary.BigEndian.Uint32(payload[4:]), payload[8:]))
		}
	}
	if len(c.calls) == 0 {
		c.failLocked(errDrained)
	}
	c.wakeAll()
	return nil
}

// windowUpdate opens a window; state is held.
func (c *conn) windowUpdate(f frameHeader, payload []byte) error {
	if f.length != 4 {
		return protocolError("a window update of %d bytes", f.length)
	}
	increment := int64(binary.BigEndian.Uint32(payload) &^ (1 << 31))
	if f.stream == 0 {
		if c.window += increment; c.window > largestWindow {
			return protocolError("a window beyond its limit")
		}
		c.wake()
		return nil
	}
	call, open := c.calls[f.stream]
	if !open {
		return nil
	}
	if call.window += increment; call.window > largestWindow {
		return protocolError("a window beyond its limit")
	}
	if c.mayGo(call) && slices.Contains(c.waiting, call) {
		call.tell()
	}
	return nil
}
