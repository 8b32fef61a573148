package load

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	"tritonsweep/runner/local"
)

// Protocol is how requests reach the server.
type Protocol string

// The protocols.
const (
	GRPC   Protocol = "grpc"   // unary calls, by package wire
	Stream Protocol = "stream" // one bidirectional gRPC stream for each caller
	HTTP   Protocol = "http"   // HTTP/1.1 with the binary tensor extension
)

// Options say how to reach a server.
type Options struct {
	Protocol Protocol // empty means GRPC
	Address  string   // HOST:PORT of the gRPC service
	URL      string   // of the HTTP service: http://HOST:PORT, with or without a path before /v2
	Callers  int
	// TLS is used when not nil; for HTTP the URL decides, and TLS may be nil.
	TLS *tls.Config
	// Headers go with every request. They may be secrets, so they are never
	// part of a message or a record.
	Headers map[string]string
	// Insecure lets headers go to another machine without TLS.
	Insecure bool
	// Compression is "gzip", or empty. Requests are compressed once, before the
	// first one is sent, but those of a stream each time. Answers over gRPC may come
	// compressed then, and only those that are checked are unpacked.
	Compression string
}

// Connection is a Transport that holds connections.
type Connection interface {
	Transport
	// Close closes them all. Requests under way fail.
	Close() error
}

// Connect prepares a connection. It does not connect: an unreachable server shows
// with the first request.
func Connect(o Options) (Connection, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	switch o.Protocol {
	case Stream:
		return newStreams(o)
	case HTTP:
		return newWeb(o)
	}
	return dial(o)
}

// Validate refuses options that cannot work.
func (o Options) Validate() error {
	switch {
	case o.Protocol != "" && o.Protocol != GRPC && o.Protocol != Stream && o.Protocol != HTTP:
		return fmt.Errorf("unknown transport %q (hint: %s, %s or %s)", o.Protocol, GRPC, Stream, HTTP)
	case o.Callers < 1:
		return fmt.Errorf("%d callers: at least 1 is needed", o.Callers)
	case o.Compression != "" && o.Compression != gzipName:
		return fmt.Errorf("unknown compression %q (hint: %s)", o.Compression, gzipName)
	}
	for name, value := range o.Headers {
		if err := ValidHeader(name, value); err != nil {
			return err
		}
	}
	host, plain, err := o.receiver()
	if err == nil && plain && len(o.Headers) > 0 && !o.Insecure && !local.Host(host) {
		err = fmt.Errorf("refusing to send headers to %s in plain text (hint: TLS, or --insecure-headers)", host)
	}
	return err
}

// receiver returns the host that requests go to, and whether they go there in
// plain text.
func (o Options) receiver() (host string, plain bool, err error) {
	if o.Protocol == HTTP {
		u, err := parseURL(o.URL)
		if err != nil {
			return "", false, err
		}
		return u.Hostname(), u.Scheme == "http", nil
	}
	if host, _, err = net.SplitHostPort(o.Address); err != nil {
		return "", false, fmt.Errorf("address %q is not HOST:PORT", o.Address)
	}
	return host, o.TLS == nil, nil
}

// reserved are the headers that a transport sets itself.
var reserved = map[string]bool{
	"Content-Type": true, "Content-Length": true, "Content-Encoding": true, "Te": true, "User-Agent": true,
	"Transfer-Encoding": true, "Connection": true, "Host": true, "Inference-Header-Content-Length": true,
}

// ValidHeader refuses a header that cannot be sent, or that would change what is
// measured. The message does not hold the value.
func ValidHeader(name, value string) error {
	valid := name != ""
	for _, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		valid = valid && (letter || r == '-' || r == '_' || r == '.')
	}
	if !valid {
		return fmt.Errorf("%.40q is not the name of a header", name)
	}
	if reserved[textproto.CanonicalMIMEHeaderKey(name)] || strings.HasPrefix(strings.ToLower(name), "grpc-") {
		return fmt.Errorf("the header %s is the transport's own", name)
	}
	for _, r := range value {
		if r < ' ' || r > '~' {
			return fmt.Errorf("the value of the header %s holds a character that cannot be sent", name)
		}
	}
	return nil
}
