package load

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/sweep"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// backend is one inference service behind every protocol. It keeps what the last
// request said beside its tensors.
type backend struct {
	service.UnimplementedGRPCInferenceServiceServer
	infer func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error)

	mu     sync.Mutex
	last   *service.ModelInferRequest
	secret string // the value of the header x-key
}

func (b *backend) note(in *service.ModelInferRequest, secret []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.secret = in, strings.Join(secret, ",")
}

func (b *backend) ModelInfer(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
	b.note(in, metadata.ValueFromIncomingContext(ctx, "x-key"))
	return b.infer(ctx, in)
}

func (b *backend) ModelStreamInfer(stream service.GRPCInferenceService_ModelStreamInferServer) error {
	for {
		in, err := stream.Recv()
		if err != nil {
			return nil // the client is done
		}
		b.note(in, metadata.ValueFromIncomingContext(stream.Context(), "x-key"))
		out := &service.ModelStreamInferResponse{}
		if out.InferResponse, err = b.infer(stream.Context(), in); err != nil {
			out.ErrorMessage = status.Convert(err).Message()
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

// ServeHTTP speaks the binary tensor extension.
func (b *backend) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	in, err := readBinaryRequest(q)
	var out *service.ModelInferResponse
	if err == nil {
		b.note(in, q.Header.Values("x-key"))
		out, err = b.infer(q.Context(), in)
	}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": status.Convert(err).Message()})
		return
	}
	head := binaryHead{ModelName: out.GetModelName()}
	for i, t := range out.GetOutputs() {
		head.Outputs = append(head.Outputs, binaryTensor{
			Name: t.GetName(), Datatype: t.GetDatatype(), Shape: t.GetShape(),
			Parameters: map[string]any{"binary_data_size": len(out.GetRawOutputContents()[i])},
		})
	}
	text, _ := json.Marshal(head)
	w.Header().Set(headLength, strconv.Itoa(len(text)))
	_, _ = w.Write(text)
	for _, raw := range out.GetRawOutputContents() {
		_, _ = w.Write(raw)
	}
}

func readBinaryRequest(q *http.Request) (*service.ModelInferRequest, error) {
	body, err := io.ReadAll(q.Body)
	if err == nil && q.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(q.Header.Get(headLength))
	if err != nil || n > len(body) {
		return nil, fmt.Errorf("the head has %q bytes", q.Header.Get(headLength))
	}
	var head binaryHead
	if err := json.Unmarshal(body[:n], &head); err != nil {
		return nil, err
	}
	parts := strings.Split(q.URL.Path, "/") // /v2/models/NAME/infer
	in := &service.ModelInferRequest{ModelName: parts[3]}
	body = body[n:]
	for _, t := range head.Inputs {
		in.Inputs = append(in.Inputs, &service.ModelInferRequest_InferInputTensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
		size := int(t.Parameters["binary_data_size"].(float64))
		in.RawInputContents = append(in.RawInputContents, body[:size])
		body = body[size:]
	}
	return in, nil
}

// certificate borrows the one of net/http's test server, for 127.0.0.1.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: pool}
}

// way is one way to reach a backend.
type way struct {
	protocol    Protocol
	secure      bool
	compression string
}

func (w way) String() string {
	return fmt.Sprintf("%s secure=%v %s", w.protocol, w.secure, w.compression)
}

func ways() []way {
	var all []way
	for _, p := range []Protocol{GRPC, Stream, HTTP} {
		for _, secure := range []bool{false, true} {
			for _, compression := range []string{"", gzipName} {
				all = append(all, way{p, secure, compression})
			}
		}
	}
	return all
}

// connectTo serves a backend one way and connects to it.
func connectTo(t testing.TB, b *backend, w way, callers int) Connection {
	t.Helper()
	o := Options{Protocol: w.protocol, Callers: callers, Compression: w.compression, Headers: map[string]string{"X-Key": "s3cret"}}
	var server *tls.Config
	if w.secure {
		server, o.TLS = certificate(t)
	}
	if w.protocol == HTTP {
		s := httptest.NewUnstartedServer(b)
		if w.secure {
			s.TLS = server
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		o.URL = s.URL
	} else {
		o.Address = serveBackend(t, b, server)
	}
	c, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func serveBackend(t testing.TB, b *backend, secure *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(1 << 30), grpc.MaxSendMsgSize(1 << 30)}
	if secure != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	}
	g := grpc.NewServer(options...)
	service.RegisterGRPCInferenceServiceServer(g, b)
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(listener) }()
	t.Cleanup(func() { g.Stop(); <-done })
	return listener.Addr().String()
}

// TestTransports: whatever the way, the server receives the tensors and the
// headers, and the answer is checked, counted and dropped alike.
func TestTransports(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.String(), func(t *testing.T) {
			m := testModel()
			m.Inputs[0].Shape = []int64{100_000}
			b := &backend{infer: right(m)}
			c := connectTo(t, b, w, 2)
			r, err := newRequest(m, Data{Source: Random, Seed: 3}, 2, encodingOf(c))
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			a, err := c.Infer(t.Context(), 0, &r.payloads[0], true)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.check(a.Body); err != nil || a.Bytes == 0 {
				t.Errorf("answer of %d bytes: %v", a.Bytes, err)
			}
			if a.Sent.Before(begin) || a.Received.Before(a.Sent) && !a.Received.IsZero() {
				t.Errorf("begun %v, sent %v, received %v", begin, a.Sent, a.Received)
			}
			if again, err := c.Infer(t.Context(), 1, &r.payloads[0], false); err != nil || again.Body != nil || again.Bytes != a.Bytes {
				t.Errorf("without keep: %d bytes, kept %d, %v", again.Bytes, len(again.Body), err)
			}
			want := request(t, m, Data{Source: Random, Seed: 3}, 2)
			var sent service.ModelInferRequest
			if err := proto.Unmarshal(want.payloads[0].Bytes, &sent); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(b.last, &sent) {
				t.Error("another request arrived than was encoded")
			}
			if b.secret != "s3cret" {
				t.Errorf("the header arrived as %q", b.secret)
			}
		})
	}
}

// TestTransportsRun: a whole point, closed and open, with some failures.
func TestTransportsRun(t *testing.T) {
	for _, p := range []Protocol{GRPC, Stream, HTTP} {
		for _, l := range []sweep.Load{{Concurrency: 3, BatchSize: 1}, {Rate: 100, BatchSize: 1}} {
			t.Run(fmt.Sprintf("%s %s", p, l), func(t *testing.T) {
				answer := right(testModel())
				b := &backend{infer: func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
					time.Sleep(2 * time.Millisecond)
					return answer(ctx, in)
				}}
				spec := quickSpec(0)
				spec.Load, spec.Shared, spec.Outstanding = l, true, 0
				spec.Warmup, spec.MinDuration, spec.MaxDuration = 200*time.Millisecond, 500*time.Millisecond, 20*time.Second
				spec.Precision = 0.9 // enough requests, whenever they come
				r := mustRun(t, connectTo(t, b, way{protocol: p}, spec.Callers()), spec)
				if r.Requests < 20 || r.Failures() != 0 || r.Latency != nil && r.Latency.Value < 2 {
					t.Errorf("%s %v: %d requests, %v, latency %+v", r.Verdict, r.Reasons, r.Requests, r.Errors, r.Latency)
				}
				for _, c := range r.Checks() {
					if c.Name == "answers" && !c.Passed {
						t.Errorf("%+v", c)
					}
				}
			})
		}
	}
}

// TestTransportsHang: a server that does not answer costs one deadline, and the
// next request works again.
func TestTransportsHang(t *testing.T) {
	for _, p := range []Protocol{GRPC, Stream, HTTP} {
		t.Run(string(p), func(t *testing.T) {
			var hangs atomic.Bool
			hangs.Store(true)
			answer := right(testModel())
			b := &backend{infer: func(ctx context.Context, in *service.ModelInferRequest) (*service.ModelInferResponse, error) {
				if hangs.Load() {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return answer(ctx, in)
			}}
			c := connectTo(t, b, way{protocol: p}, 1)
			r, err := newRequest(testModel(), Data{}, 1, encodingOf(c))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := c.Infer(ctx, 0, &r.payloads[0], false); kindOf(err) != "DeadlineExceeded" {
				t.Errorf("error %v", err)
			}
			hangs.Store(false) // also if the first one has not come so far
			if _, err := c.Infer(t.Context(), 0, &r.payloads[0], false); err != nil {
				t.Errorf("after a hang: %v", err)
			}
		})
	}
}

// TestTransportsFail: an error of the server is an error with its text, over and
// over, and no transport asks twice by itself.
func TestTransportsFail(t *testing.T) {
	for _, p := range []Protocol{GRPC, Stream, HTTP} {
		t.Run(string(p), func(t *testing.T) {
			var asked atomic.Int64
			b := &backend{infer: func(context.Context, *service.ModelInferRequest) (*service.ModelInferResponse, error) {
				asked.Add(1)
				return nil, status.Error(14, "no memory left")
			}}
			c := connectTo(t, b, way{protocol: p}, 1)
			r, err := newRequest(testModel(), Data{}, 1, encodingOf(c))
			if err != nil {
				t.Fatal(err)
			}
			for n := int64(1); n <= 3; n++ {
				_, err := c.Infer(t.Context(), 0, &r.payloads[0], true)
				if err == nil || !strings.Contains(describe(err), "no memory left") || asked.Load() != n {
					t.Errorf("asked %d times: %v", asked.Load(), err)
				}
			}
		})
	}
}

// TestTransportsGarbage: bytes that are no answer, connections that end, and
// nobody there: errors, and no hang.
func TestTransportsGarbage(t *testing.T) {
	for _, garbage := range []string{"", "\x00\x01\x02 garbage", "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 1<<16), "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"} {
		for _, p := range []Protocol{GRPC, Stream, HTTP} {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			group.Go(func() {
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					_, _ = c.Read(make([]byte, 1024))
					_, _ = io.WriteString(c, garbage)
					c.Close()
				}
			})
			c, err := Connect(Options{Protocol: p, Address: listener.Addr().String(), URL: "http://" + listener.Addr().String(), Callers: 1})
			if err != nil {
				t.Fatal(err)
			}
			r, err := newRequest(testModel(), Data{}, 1, encodingOf(c))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			a, err := c.Infer(ctx, 0, &r.payloads[0], true)
			if err == nil && r.check(a.Body) == nil {
				t.Errorf("%s took %.20q for an answer", p, garbage)
			}
			cancel()
			listener.Close()
			group.Wait()
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestTLSRefusals: a certificate that nobody vouches for, and a plain server.
func TestTLSRefusals(t *testing.T) {
	b := &backend{infer: right(testModel())}
	server, _ := certificate(t)
	for name, address := range map[string]string{"unknown authority": serveBackend(t, b, server), "plain server": serveBackend(t, b, nil)} {
		c, err := Connect(Options{Address: address, Callers: 1, TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Infer(t.Context(), 0, &Payload{}, false)
		if kindOf(err) != "Unavailable" || !strings.Contains(err.Error(), "TLS") {
			t.Errorf("%s: %v", name, err)
		}
		_ = c.Close()
	}
}

func TestImpossibleOptions(t *testing.T) {
	for says, o := range map[string]Options{
		"unknown transport":   {Protocol: "udp", Address: "a:1", Callers: 1},
		"0 callers":           {Address: "a:1"},
		"unknown compression": {Address: "a:1", Callers: 1, Compression: "zip"},
		"not HOST:PORT":       {Address: "a", Callers: 1},
		"want http":           {Protocol: HTTP, URL: "a:1", Callers: 1},
		"without user":        {Protocol: HTTP, URL: "http://me:s3cret@a:1", Callers: 1},
		"name of a header":    {Address: "a:1", Callers: 1, Headers: map[string]string{"a b": "s3cret"}},
		"transport's own":     {Address: "a:1", Callers: 1, Headers: map[string]string{"grpc-timeout": "s3cret"}},
		"cannot be sent":      {Address: "a:1", Callers: 1, Headers: map[string]string{"a": "s3cret\n"}},
	} {
		_, err := Connect(o)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v, want %q", err, says)
		}
	}
}

// FuzzAnswers: no bytes of a server make a decoder of ours crash or go on for ever.
func FuzzAnswers(f *testing.F) {
	f.Add("11", []byte(`{"outputs":[{"name":"o","parameters":{"binary_data_size":1}}]}x`))
	f.Add("", []byte("{}"))
	f.Fuzz(func(t *testing.T, length string, body []byte) {
		if out, err := decodeBinary(length, body); err == nil {
			var r service.ModelInferResponse
			if err := proto.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
		}
		size, _, kept, err := parseStreamed(mem.BufferSlice{mem.SliceBuffer(body)}, true)
		if err == nil && len(kept) > len(body) || size < 0 || size > len(body) {
			t.Fatalf("%d of %d bytes", size, len(body))
		}
	})
}

// TestFinalFailures: what may be tried again over HTTP, and what not.
func TestFinalFailures(t *testing.T) {
	for code, final := range map[int]bool{302: true, 400: true, 404: true, 408: false, 429: false, 500: false, 501: true, 503: false} {
		var f Failure
		if err := error(&webError{kind: "HTTP", code: code}); !errors.As(err, &f) || f.Final() != final {
			t.Errorf("%d is final: %v", code, !final)
		}
	}
}
