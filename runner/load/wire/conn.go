package wire

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one HTTP/2 connection.
//
// Two locks, never taken in the other order: write is held while bytes go to the
// socket, state while the fields below it are looked at. Whoever holds state does
// not block.
type conn struct {
	net      net.Conn
	socket   net.Conn // below TLS; closing it never waits
	template template
	group    sync.WaitGroup // the reader and the flusher

	write   sync.Mutex
	scratch []byte   // headers of frames being written
	vector  [][]byte // what one write consists of

	state    sync.Mutex
	calls    map[uint32]*call
	waiting  []*call         // for a window or for a place, in the order of their coming
	next     uint32          // the identifier of the next call
	window   int64           // bytes that the server takes on this connection
	initial  int64           // the same for a new call
	frame    int             // the largest frame that the server takes
	places   int             // calls that the server takes at a time
	control  []byte          // frames for the flusher
	writer   context.Context // of the call whose bytes are being written
	suspect  context.Context // the writer that was found to be over last time
	draining bool            // the server wants no more calls
	ended    error           // why the connection is over

	queued     atomic.Bool // there is something in control
	flush, end chan struct{}
}

// call is one unary call. Its fields belong to the connection's state lock, but
// for done.
type call struct {
	id       uint32
	begun    bool  // its headers were written; the writer's
	window   int64 // bytes that the server takes for this call
	keep     bool
	prefix   [prefixLength]byte // of the answer's message
	have     int                // bytes of it that arrived
	length   int                // of the message, by the prefix
	got      int                // bytes of the message that arrived
	body     []byte
	trailers trailers
	received time.Time
	err      error
	room     chan struct{} // told when a window or a place may have opened; made when needed
	done     chan struct{} // closed when the answer is complete or never will be
}

// connect dials and introduces itself.
func connect(ctx context.Context, address string, config *tls.Config, t template) (*conn, error) {
	var dialer net.Dialer
	socket, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	stream := socket
	if config != nil {
		stream, err = handshake(ctx, socket, config)
	}
	if err == nil {
		_, err = stream.Write(greeting()) // it fits any socket's buffer
	}
	if err != nil {
		socket.Close()
		return nil, err
	}
	c := newConn(stream, t)
	c.socket = socket
	c.group.Go(c.read)
	c.group.Go(c.flushControl)
	return c, nil
}

// newConn does not wait for the server's settings: the protocol's defaults hold
// until they come.
func newConn(stream net.Conn, t template) *conn {
	return &conn{
		net: stream, socket: stream, template: t,
		calls: map[uint32]*call{},
		next:  1, window: defaultWindow, initial: defaultWindow, frame: defaultFrame, places: CallersPerConnection,
		flush: make(chan struct{}, 1), end: make(chan struct{}),
	}
}

// greeting is the preface and our settings: no push, and windows as large as the
// protocol allows, since answers are dropped as they come.
func greeting() []byte {
	hello := []byte(preface)
	hello = appendHeader(hello, 3*6, frameSettings, 0, 0)
	hello = appendSetting(hello, settingEnablePush, 0)
	hello = appendSetting(hello, settingInitialWindowSize, largestWindow)
	hello = appendSetting(hello, settingMaxFrameSize, ourFrame)
	return appendWindowUpdate(hello, 0, largestWindow-defaultWindow)
}

// usable reports whether a new call may be tried.
func (c *conn) usable() bool {
	c.state.Lock()
	defer c.state.Unlock()
	return c.ended == nil && !c.draining
}

// over reports whether the connection is closed.
func (c *conn) over() bool {
	c.state.Lock()
	defer c.state.Unlock()
	return c.ended != nil
}

// fail ends the connection and all its calls. Only the first reason counts.
func (c *conn) fail(reason error) {
	c.state.Lock()
	defer c.state.Unlock()
	c.failLocked(reason)
}

func (c *conn) failLocked(reason error) {
	if c.ended != nil {
		return
	}
	c.ended = reason
	close(c.end)
	c.socket.Close()
	for _, call := range c.calls {
		c.finish(call, unavailable("the connection ended: %v", reason))
	}
}

// finish completes a call; state is held. A connection that drains ends with its
// last call.
func (c *conn) finish(call *call, err error) {
	call.err = err
	call.received = time.Now()
	delete(c.calls, call.id)
	close(call.done)
	c.wake()
	if c.draining && len(c.calls) == 0 {
		c.failLocked(errDrained)
	}
}

// wait enters a call among those that wait, or moves it to their end; state is
// held.
func (c *conn) wait(call *call) {
	if call.room == nil {
		call.room = make(chan struct{}, 1)
	}
	c.leave(call)
	c.waiting = append(c.waiting, call)
}

// leave takes a call out of those that wait; state is held.
func (c *conn) leave(call *call) {
	if i := slices.Index(c.waiting, call); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
}

// wake tells the first call that can go on; state is held. Only one, because what
// it leaves over is often nothing: a call that went on, or gave up, wakes the
// next.
func (c *conn) wake() {
	for _, call := range c.waiting {
		if c.mayGo(call) {
			call.tell()
			return
		}
	}
}

// wakeAll tells all of them to look at what has changed; state is held.
func (c *conn) wakeAll() {
	for _, call := range c.waiting {
		call.tell()
	}
}

func (c *conn) mayGo(call *call) bool {
	if call.id == 0 {
		return len(c.calls) < c.places
	}
	return min(c.window, call.window) > 0
}

func (call *call) tell() {
	select {
	case call.room <- struct{}{}:
	default:
	}
}

// mostControl bounds what a server can make the client remember by asking without
// reading.
const mostControl = 1 << 20

// queue gives frames to the flusher; state is held.
func (c *conn) queue(frames []byte) {
	if len(c.control) > mostControl {
		c.failLocked(errFlood)
		return
	}
	c.control = append(c.control, frames...)
	c.queued.Store(true)
	c.signalFlush()
}

func (c *conn) signalFlush() {
	select {
	case c.flush <- struct{}{}:
	default:
	}
}

// stuckAfter is how often the flusher looks whether a write hangs that nobody
// wants any more.
const stuckAfter = 100 * time.Millisecond

// flushControl writes control frames, so that the reader never has to: a reader
// that waits for a writer that waits for the server to read would deadlock with a
// server that waits for us to read. It also ends the connection when a write
// hangs although its call is over, since the lock cannot be taken away.
func (c *conn) flushControl() {
	ticker := time.NewTicker(stuckAfter)
	defer ticker.Stop()
	for {
		select {
		case <-c.end:
			return
		case <-ticker.C:
			c.endStuckWrite()
			continue
		case <-c.flush:
		}
		if c.write.TryLock() { // else the writer looks for control frames when it is done
			c.unlockWrite()
		}
	}
}

// writeControl writes the queued control frames; write is held.
func (c *conn) writeControl() error {
	c.state.Lock()
	frames := c.takeControl()
	c.state.Unlock()
	if len(frames) == 0 {
		return nil
	}
	_, err := c.net.Write(frames)
	return err
}

// takeControl takes the queued control frames; state is held, and so is write, or
// they would not be written in order.
func (c *conn) takeControl() []byte {
	frames := c.control
	c.control = nil
	c.queued.Store(false)
	return frames
}

// endStuckWrite ends the connection when a write's call has been over at two
// looks in a row.
func (c *conn) endStuckWrite() {
	c.state.Lock()
	defer c.state.Unlock()
	if c.writer == nil || c.writer.Err() == nil {
		c.suspect = nil
		return
	}
	if c.suspect == c.writer {
		c.failLocked(errStuck)
	}
	c.suspect = c.writer
}
