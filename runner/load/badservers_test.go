package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// serveRaw gives every connection to a function and closes it afterwards.
func serveRaw(t *testing.T, behave func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); behave(c) }()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

// badServers are ways to be no Triton.
var badServers = map[string]func(net.Conn){
	"silent":  func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	"closing": func(net.Conn) {},
	"resetting": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 10))
		_ = c.(*net.TCPConn).SetLinger(0)
	},
	"garbage": func(c net.Conn) {
		_, _ = c.Write(bytes.Repeat([]byte("\x00\xff~garbage\r\n"), 1000))
		_, _ = io.Copy(io.Discard, c)
	},
	"endless": func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"))
		for piece := bytes.Repeat([]byte("x"), 1<<16); ; {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	},
}

// TestBadServersOnEveryTransport: whatever a server does, a verdict comes, and no
// goroutine stays behind (TestMain looks).
func TestBadServersOnEveryTransport(t *testing.T) {
	for name, behave := range badServers {
		for _, p := range []Protocol{GRPC, Stream, HTTP} {
			for _, secure := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/secure=%v", name, p, secure), func(t *testing.T) {
					t.Parallel()
					address := serveRaw(t, behave)
					o := Options{Protocol: p, Address: address, Callers: 2, URL: "http://" + address}
					if secure {
						o.TLS, o.URL = &tls.Config{}, "https://"+address
					}
					c, err := Connect(o)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					spec := quickSpec(2)
					spec.Timeout = 300 * time.Millisecond
					_, err = Run(t.Context(), c, spec)
					if rejected, ok := errors.AsType[*RejectedError](err); !ok || rejected.Reason == "" {
						t.Errorf("error %v, want a RejectedError", err)
					}
				})
			}
		}
	}
}

// TestCodeOf: Triton's texts on a stream have the codes of unary calls, and other
// texts stay what they are.
func TestCodeOf(t *testing.T) {
	for text, want := range map[string]codes.Code{
		"Request for unknown model: 'm' is not found":                                                           codes.NotFound,
		"[request id: <id_unknown>] unexpected shape for input 'x' for model 'm'. Expected [-1,3], got [1,4]. ": codes.InvalidArgument,
		"[request id: <id_unknown>] Exceeds maximum queue size":                                                 codes.Unavailable,
		"Request timeout expired":  codes.Unavailable,
		"out of memory, it is hot": codes.Unknown,
	} {
		if got := codeOf(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestSecretsNeedTLS: headers leave this machine in plain text only where that is
// asked for.
func TestSecretsNeedTLS(t *testing.T) {
	headers := map[string]string{"authorization": "canary-secret"}
	for name, o := range map[string]Options{
		"grpc":   {Address: "192.0.2.1:8001"},
		"stream": {Protocol: Stream, Address: "triton.example:8001"},
		"http":   {Protocol: HTTP, URL: "http://192.0.2.1:8000"},
	} {
		o.Callers, o.Headers = 1, headers
		err := o.Validate()
		if err == nil || !strings.Contains(err.Error(), "in plain text") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
		o.Insecure = true
		if err := o.Validate(); err != nil {
			t.Errorf("%s, insecure: %v", name, err)
		}
		o.Insecure, o.TLS, o.URL = false, &tls.Config{}, strings.Replace(o.URL, "http:", "https:", 1)
		if err := o.Validate(); err != nil {
			t.Errorf("%s, TLS: %v", name, err)
		}
	}
}
