package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"time"
)

var (
	errDrained = errors.New("the server asked for no more calls")
	errStuck   = errors.New("the server did not take a request in time")
	errClosed  = errors.New("the server closed it")
	errFlood   = errors.New("the server asks for more than it reads")
)

// chunkFrames is how many frames of one call are written before others get their
// turn: 1 MiB of the usual frames in one system call.
const chunkFrames = 64

// call runs one unary call.
func (c *conn) call(ctx context.Context, call *call, message []byte) (Answer, error) {
	sent, err := c.send(ctx, call, message)
	if err != nil {
		return Answer{}, err
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		c.abandon(call)
		<-call.done // it is, now at the latest
	}
	if errors.Is(call.err, errAbandoned) {
		return Answer{}, ctx.Err()
	}
	if call.err != nil {
		return Answer{}, call.err
	}
	if sent.After(call.received) { // the answer overtook this goroutine
		sent = call.received
	}
	return Answer{Sent: sent, Received: call.received, Bytes: call.length, Body: call.body, Compressed: call.prefix[0] != 0}, nil
}

var errAbandoned = errors.New("abandoned")

// abandon ends a call that nobody waits for any more, and tells the server.
func (c *conn) abandon(call *call) {
	c.state.Lock()
	defer c.state.Unlock()
	if _, open := c.calls[call.id]; open {
		c.queue(appendReset(nil, call.id, codeCancel))
		c.finish(call, errAbandoned)
	}
}

// send writes the request and returns when its last byte was written, or when the
// call is over before that.
func (c *conn) send(ctx context.Context, call *call, message []byte) (time.Time, error) {
	if err := c.admit(ctx, call); err != nil {
		return time.Time{}, err
	}
	for at, locked := 0, true; ; locked = false {
		if !locked {
			c.lockWrite(ctx)
		}
		at += c.writeChunk(call, message, at)
		c.unlockWrite()
		if at == prefixLength+len(message) {
			return time.Now(), nil
		}
		select {
		case <-call.room:
		case <-call.done: // answered or reset in the middle
			c.forget(call)
			return time.Now(), nil
		case <-ctx.Done():
			c.forget(call)
			c.abandon(call)
			return time.Now(), nil
		}
	}
}

// admit waits for a place among the calls that the server takes, takes it, and
// leaves with the write lock held, because identifiers must appear in order.
func (c *conn) admit(ctx context.Context, call *call) error {
	for {
		c.lockWrite(ctx)
		c.state.Lock()
		switch {
		case c.ended != nil:
			err := unavailable("the connection ended: %v", c.ended)
			c.state.Unlock()
			c.unlockWrite()
			return err
		case c.draining || c.next > 1<<30:
			c.draining = true
			c.state.Unlock()
			c.unlockWrite()
			return unavailable("the server asked for no more calls")
		case len(c.calls) < c.places:
			call.id, call.window = c.next, c.initial
			c.next += 2
			c.calls[call.id] = call
			c.leave(call)
			c.wake()
			c.state.Unlock()
			return nil
		}
		c.wait(call)
		c.state.Unlock()
		c.unlockWrite()
		select {
		case <-call.room:
		case <-c.end:
		case <-ctx.Done():
			c.forget(call)
			return ctx.Err()
		}
	}
}

func (c *conn) forget(call *call) {
	c.state.Lock()
	defer c.state.Unlock()
	c.leave(call)
	c.wake()
}

// lockWrite takes the write lock and says for whom.
func (c *conn) lockWrite(ctx context.Context) {
	c.write.Lock()
	c.state.Lock()
	c.writer = ctx
	c.state.Unlock()
}

// unlockWrite writes what came for the flusher meanwhile, and gives the lock back.
// What comes after the look and before the lock is free is left for the flusher.
func (c *conn) unlockWrite() {
	if c.queued.Load() {
		if err := c.writeControl(); err != nil {
			c.fail(err)
		}
	}
	c.state.Lock()
	c.writer = nil
	c.state.Unlock()
	c.write.Unlock()
	if c.queued.Load() {
		c.signalFlush()
	}
}

// writeChunk writes as much of the request from a position on as the windows and
// fairness allow, and before it the headers when the position is the start. A
// request is the prefix and the message; what goes out is returned. The write
// lock is held.
func (c *conn) writeChunk(call *call, message []byte, at int) int {
	total := prefixLength + len(message)
	n, frame, control, live := c.take(call, total-at)
	if !live || n == 0 && call.begun {
		return 0
	}
	// The scratch must not move while the vector points into it.
	need := (n/frame+2)*headerLength + len(c.template.block) + prefixLength
	if cap(c.scratch) < need {
		c.scratch = make([]byte, 0, 2*need)
	}
	b, from := c.scratch[:0], 0
	c.vector = c.vector[:0]
	if len(control) > 0 {
		c.vector = append(c.vector, control)
	}
	if !call.begun {
		call.begun = true
		b = appendHeader(b, len(c.template.block), frameHeaders, flagEndHeaders, call.id)
		b = append(b, c.template.block...)
	}
	for end := at + n; at < end; {
		size := min(end-at, frame)
		var flags byte
		if at+size == total {
			flags = flagEndStream
		}
		b = appendHeader(b, size, frameData, flags, call.id)
		if at < prefixLength {
			prefix := [prefixLength]byte{c.template.flag}
			binary.BigEndian.PutUint32(prefix[1:], uint32(len(message)))
			part := min(size, prefixLength-at)
			b = append(b, prefix[at:at+part]...)
			at, size = at+part, size-part
		}
		c.vector = append(c.vector, b[from:])
		from = len(b)
		if size > 0 {
			c.vector = append(c.vector, message[at-prefixLength:at-prefixLength+size])
			at += size
		}
	}
	if from < len(b) { // headers alone
		c.vector = append(c.vector, b[from:])
	}
	c.scratch = b
	if err := writeAll(c.net, c.vector); err != nil {
		c.fail(err)
		return 0 // every call of the connection has ended with it
	}
	return n
}

// take takes bytes from the windows and returns how many, and the size of frames.
// Where not everything fits, the call waits for more. Live is false when the call
// is over already.
//
// Control are frames to be written before: when the windows or the size of frames
// come from settings that were not acknowledged yet, the server does not expect
// us to use them before it reads that we do.
func (c *conn) take(call *call, want int) (n, frame int, control []byte, live bool) {
	c.state.Lock()
	defer c.state.Unlock()
	frame = c.frame
	if _, live = c.calls[call.id]; !live {
		return 0, frame, nil, false
	}
	n = int(min(max(min(c.window, call.window), 0), int64(chunkFrames*frame), int64(want)))
	c.window -= int64(n)
	call.window -= int64(n)
	if n < want {
		c.wait(call)
	} else {
		c.leave(call)
	}
	c.wake() // this call itself, when fairness alone stopped it and nobody else waits
	if n > 0 || !call.begun {
		control = c.takeControl()
	}
	return n, frame, control, true
}
