package load

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// dripping passes connections on, what the server says byte by byte.
type dripping struct {
	listener net.Listener
	to       string
	group    sync.WaitGroup
}

func drip(t *testing.T, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dripping{listener: listener, to: to}
	d.group.Go(d.accept)
	t.Cleanup(func() { listener.Close(); d.group.Wait() })
	return listener.Addr().String()
}

func (d *dripping) accept() {
	for {
		client, err := d.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", d.to)
		if err != nil {
			client.Close()
			return
		}
		d.group.Go(func() { _, _ = io.Copy(server, client); server.Close() })
		d.group.Go(func() {
			defer client.Close()
			for one := make([]byte, 1); ; time.Sleep(time.Millisecond) {
				if _, err := server.Read(one); err != nil {
					return
				}
				if _, err := client.Write(one); err != nil {
					return
				}
			}
		})
	}
}

// TestFault41SlowDrip: an answer that comes a byte at a time is never idle, and
// ends at the call's deadline all the same.
func TestFault41SlowDrip(t *testing.T) {
	m := testModel()
	m.Inputs[0].Shape, m.Outputs[0].Shape = []int64{100_000}, []int64{100_000} // minutes at that pace
	for _, p := range []Protocol{GRPC, Stream, HTTP} {
		t.Run(string(p), func(t *testing.T) {
			b := &backend{infer: right(m)}
			o := Options{Protocol: p, Callers: 1}
			if p == HTTP {
				s := httptest.NewServer(b)
				t.Cleanup(s.Close)
				o.URL = "http://" + drip(t, s.Listener.Addr().String())
			} else {
				o.Address = drip(t, serveBackend(t, b, nil))
			}
			c, err := Connect(o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() }) // the connection was given up
			r, err := newRequest(m, Data{}, 1, encodingOf(c))
			if err != nil {
				t.Fatal(err)
			}
			for _, keep := range []bool{false, true} {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				_, err = c.Infer(ctx, 0, &r.payloads[0], keep)
				cancel()
				if kindOf(err) != "DeadlineExceeded" {
					t.Errorf("keep %v: error %v", keep, err)
				}
			}
		})
	}
}

// endless answers every request over HTTP and over gRPC with a message that
// claims to be larger than any, and never ends.
func endless(w http.ResponseWriter, q *http.Request) {
	_, _ = io.Copy(io.Discard, q.Body)
	w.Header().Set("Content-Type", q.Header.Get("Content-Type"))
	if strings.HasPrefix(q.Header.Get("Content-Type"), "application/grpc") {
		head := make([]byte, 5)
		binary.BigEndian.PutUint32(head[1:], 0xffffffff)
		_, _ = w.Write(head)
	}
	for chunk := make([]byte, 64<<10); q.Context().Err() == nil; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// TestFault60EndlessAnswers: an answer without an end costs a failed request and
// no more memory than an answer may have.
func TestFault60EndlessAnswers(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(endless))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	for _, p := range []Protocol{GRPC, Stream, HTTP} {
		t.Run(string(p), func(t *testing.T) {
			c, err := Connect(Options{Protocol: p, Callers: 1, URL: s.URL, Address: s.Listener.Addr().String()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			payload := &Payload{Bytes: []byte("{}"), head: 2, path: "/v2/models/m/infer"}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err = c.Infer(ctx, 0, payload, false)
			runtime.ReadMemStats(&after)
			if kind := kindOf(err); kind != "ResourceExhausted" && kind != "DeadlineExceeded" && kind != "HTTP endless" {
				t.Errorf("error %v", err)
			}
			if grown := int64(after.Sys) - int64(before.Sys); grown > 256<<20 {
				t.Errorf("the process grew by %d MiB", grown>>20)
			}
		})
	}
}
