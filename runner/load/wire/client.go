package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"
)

// CallersPerConnection spreads callers over connections. Servers commonly allow
// 100 calls on one at a time; a caller beyond that would wait in the client, and
// its wait be taken for the server's.
const CallersPerConnection = 64

// Client makes unary calls of one method on one server.
type Client struct {
	address string
	block   []byte // the encoded request headers, the same for every call
	slots   []slot
}

// slot is where a connection is, was or will be.
type slot struct {
	mu     sync.Mutex
	conn   *conn
	old    []*conn // that take no calls any more
	closed bool
}

// Answer is what came back.
type Answer struct {
	// Sent is when the last byte of the request had been written.
	Sent time.Time
	// Received is when the end of the answer was read.
	Received time.Time
	// Bytes is the length of the answer's message.
	Bytes int
	// Body is the message, when asked for.
	Body []byte
}

// New prepares a client for a number of callers. It does not connect. The address
// is HOST:PORT, the method /package.Service/Method.
func New(address, method, agent string, callers int) (*Client, error) {
	if callers < 1 {
		return nil, fmt.Errorf("%d callers: at least 1 is needed", callers)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	return &Client{
		address: address,
		block:   headerBlock(address, method, agent),
		slots:   make([]slot, (callers+CallersPerConnection-1)/CallersPerConnection),
	}, nil
}

// headerBlock encodes the request headers without touching the dynamic table, so
// that the same bytes are right for every call on every connection.
func headerBlock(authority, method, agent string) []byte {
	block := sliceWriter{}
	encoder := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: method, Sensitive: true},
		{Name: ":authority", Value: authority, Sensitive: true},
		{Name: "content-type", Value: "application/grpc", Sensitive: true},
		{Name: "user-agent", Value: agent, Sensitive: true},
		{Name: "te", Value: "trailers", Sensitive: true},
	} {
		_ = encoder.WriteField(f) // a slice takes everything
	}
	return block
}

type sliceWriter []byte

func (w *sliceWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// Call sends a message on behalf of a caller (from 0; a caller has one call at a
// time) and waits for the answer or until ctx ends. The message must not change
// meanwhile. Errors have a gRPC status, except those of ctx.
func (c *Client) Call(ctx context.Context, caller int, message []byte, keep bool) (Answer, error) {
	s := &c.slots[caller/CallersPerConnection%len(c.slots)]
	connection, err := s.get(ctx, c)
	if err != nil {
		return Answer{}, err
	}
	return connection.call(ctx, message, keep)
}

// get returns the slot's connection and makes one where there is none.
func (s *slot) get(ctx context.Context, c *Client) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, unavailable("the client is closed")
	}
	if s.conn != nil && s.conn.usable() {
		return s.conn, nil
	}
	if s.conn != nil {
		s.old = append(slices.DeleteFunc(s.old, (*conn).over), s.conn)
		s.conn = nil
	}
	connection, err := connect(ctx, c.address, c.block)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unavailable("connecting to %s: %v", c.address, err)
	}
	s.conn = connection
	return connection, nil
}

// Close closes all connections and waits for their goroutines. Calls under way
// fail.
func (c *Client) Close() error {
	for i := range c.slots {
		s := &c.slots[i]
		s.mu.Lock()
		s.closed = true
		if s.conn != nil {
			s.old = append(s.old, s.conn)
		}
		for _, connection := range s.old {
			connection.fail(errors.New("the client was closed"))
			connection.group.Wait()
		}
		s.mu.Unlock()
	}
	return nil
}
