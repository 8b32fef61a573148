package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// secure completes a configuration: HTTP/2 only, and the host's name for the
// certificate where none is given. Nil stays nil.
func secure(config *tls.Config, host string) *tls.Config {
	if config == nil {
		return nil
	}
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

// handshakeTimeout bounds a handshake: a server that takes the connection and
// says nothing most likely does not speak TLS.
var handshakeTimeout = 10 * time.Second

// handshake makes a connection a secure one. A server that speaks TLS but not
// HTTP/2 is told apart here: later it would look like garbage.
func handshake(ctx context.Context, socket net.Conn, config *tls.Config) (net.Conn, error) {
	secured := tls.Client(socket, config)
	limited, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(limited); err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("no handshake within %s (hint: does the server speak TLS on this port?)", handshakeTimeout)
		}
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if got := secured.ConnectionState().NegotiatedProtocol; got != "h2" {
		return nil, fmt.Errorf("TLS: the server does not speak HTTP/2 (hint: is it a gRPC port?)")
	}
	return &gathered{Conn: secured}, nil
}

// gathered writes many pieces as one: each Write of a secure connection becomes a
// record of its own, and frames are many small pieces.
type gathered struct {
	net.Conn
	buffer []byte
}

// writeAll writes buffers in one piece where they go through TLS, and in one
// system call where they do not.
func writeAll(c net.Conn, buffers net.Buffers) error {
	g, ok := c.(*gathered)
	if !ok {
		_, err := buffers.WriteTo(c)
		return err
	}
	g.buffer = g.buffer[:0]
	for _, b := range buffers {
		g.buffer = append(g.buffer, b...)
	}
	_, err := g.Conn.Write(g.buffer)
	return err
}
