package load

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/load/raw"
	"tritonsweep/runner/load/wire"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // for Options.Compression
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// streamed is the transport of ModelStreamInfer: every caller has a stream of its
// own and one request on it at a time. A stream ends with its request's deadline,
// because requests on a stream have none of their own; the next request opens
// another. It goes by gRPC-Go, which costs more CPU a request than package wire.
type streamed struct {
	connections []*grpc.ClientConn
	headers     metadata.MD
	callers     []streamCaller
	Attempts
}

// streamCaller is touched by its caller alone, but for closing.
type streamCaller struct {
	mu     sync.Mutex
	open   grpc.ClientStream
	cancel context.CancelFunc
	closed bool
}

// streamsPerConnection is the same as for unary calls, so that they compare.
const streamsPerConnection = 64

func newStreams(o Options) (*streamed, error) {
	secure := insecure.NewCredentials()
	if o.TLS != nil {
		secure = credentials.NewTLS(o.TLS)
	}
	calls := []grpc.CallOption{grpc.ForceCodecV2(raw.Codec{}), grpc.MaxCallRecvMsgSize(wire.MostAnswer), grpc.MaxCallSendMsgSize(mostPayload)}
	if o.Compression != "" {
		calls = append(calls, grpc.UseCompressor(o.Compression))
	}
	s := &streamed{headers: metadata.New(o.Headers), callers: make([]streamCaller, o.Callers)}
	for range (o.Callers + streamsPerConnection - 1) / streamsPerConnection {
		connection, err := grpc.NewClient(o.Address,
			grpc.WithTransportCredentials(secure), grpc.WithDefaultCallOptions(calls...), grpc.WithUserAgent(agent),
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: handshakeTimeout}),
			grpc.WithDisableRetry(), grpc.WithStatsHandler(&s.Attempts), grpc.WithDisableServiceConfig(), grpc.WithNoProxy())
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.connections = append(s.connections, connection)
	}
	return s, nil
}

// Infer sends one request; see Transport.
func (s *streamed) Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error) {
	stream, err := s.get(ctx, caller)
	if err != nil {
		return Answer{}, err
	}
	// The end of ctx must end what waits on the stream.
	stop := context.AfterFunc(ctx, func() { s.drop(caller) })
	answer, err := exchange(stream, p, keep)
	if !stop() || err != nil && !errors.As(err, new(*refusedOnStream)) {
		s.drop(caller)
	}
	if err != nil && ctx.Err() != nil {
		return Answer{}, ctx.Err()
	}
	if refusal, ok := errors.AsType[*refusedOnStream](err); ok {
		return Answer{}, status.Error(codeOf(refusal.text), refusal.text)
	}
	return answer, err
}

// refusedOnStream is the server's refusal of one request. Its stream goes on, and
// the status code is lost on the way.
type refusedOnStream struct{ text string }

func (e *refusedOnStream) Error() string { return e.text }

// refusals tell the codes that Triton's texts have in unary calls, where they are
// the same texts with their code.
var refusals = []struct {
	part string
	code codes.Code
}{
	{"Request for unknown model", codes.NotFound},
	{"unexpected inference", codes.InvalidArgument}, // input, output
	{"unexpected shape", codes.InvalidArgument},
	{"data-type is", codes.InvalidArgument},
	{"batch-size must be", codes.InvalidArgument},
	{"byte size mismatch", codes.InvalidArgument},
	{"inputs for model", codes.InvalidArgument}, // expected N inputs but got M
	{"Unable to find shared memory region", codes.NotFound},
	{"shared memory region", codes.InvalidArgument},
	{"Exceeds maximum queue size", codes.Unavailable},
	{"Request timeout expired", codes.Unavailable},
	{"is not ready", codes.Unavailable},
	{"failed to", codes.Internal},
}

// codeOf finds the code of a refusal by its text; Unknown where nobody can tell.
func codeOf(text string) codes.Code {
	for _, r := range refusals {
		if strings.Contains(text, r.part) {
			return r.code
		}
	}
	return codes.Unknown
}

func exchange(stream grpc.ClientStream, p *Payload, keep bool) (Answer, error) {
	if err := stream.SendMsg(&p.Bytes); err != nil && !errors.Is(err, io.EOF) {
		return Answer{}, err // io.EOF: the receiver knows why
	}
	sent := time.Now()
	var message mem.BufferSlice
	if err := stream.RecvMsg(&message); err != nil {
		if errors.Is(err, io.EOF) {
			err = status.Error(codes.Internal, "the server ended the stream without an answer")
		}
		return Answer{}, err
	}
	received := time.Now()
	defer message.Free()
	size, text, body, err := parseStreamed(message, keep)
	if err != nil {
		return Answer{}, status.Error(codes.Internal, err.Error())
	}
	if text != "" {
		return Answer{}, &refusedOnStream{text}
	}
	return Answer{Sent: sent, Received: received, Bytes: size, Body: body}, nil
}

// The fields of ModelStreamInferResponse.
const (
	streamedError  = 1
	streamedAnswer = 2
)

// parseStreamed finds the answer, or the error, in a ModelStreamInferResponse
// without decoding or copying what it holds. Body is a copy, where asked for.
func parseStreamed(message mem.BufferSlice, keep bool) (size int, text string, body []byte, err error) {
	in := message.Reader()
	defer in.Close()
	for in.Remaining() > 0 {
		number, kind, err := readTag(in)
		if err != nil {
			return 0, "", nil, err
		}
		length, err := readVarint(in)
		if err != nil || kind != protowire.BytesType || length > uint64(in.Remaining()) {
			return 0, "", nil, errors.New("the answer on the stream does not decode")
		}
		n := int(length)
		switch {
		case number == streamedError:
			part := make([]byte, n)
			_, _ = io.ReadFull(in, part)
			text = string(part)
		case number == streamedAnswer && keep:
			body = make([]byte, n)
			_, _ = io.ReadFull(in, body)
			size = n
		default:
			if number == streamedAnswer {
				size = n
			}
			_, _ = in.Discard(n)
		}
	}
	return size, text, body, nil
}

func readTag(in *mem.Reader) (protowire.Number, protowire.Type, error) {
	tag, err := readVarint(in)
	if err != nil {
		return 0, 0, err
	}
	number, kind := protowire.DecodeTag(tag)
	return number, kind, nil
}

func readVarint(in *mem.Reader) (v uint64, err error) {
	for shift := 0; shift < 64; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return 0, errors.New("the answer on the stream is cut off")
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("the answer on the stream does not decode")
}

// get returns the caller's stream and opens one where there is none.
func (s *streamed) get(ctx context.Context, caller int) (grpc.ClientStream, error) {
	c := &s.callers[caller%len(s.callers)]
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, status.Error(codes.Unavailable, "the client is closed")
	}
	if c.open != nil {
		defer c.mu.Unlock()
		return c.open, nil
	}
	// The stream outlives the request, so it cannot have its context; but it
	// must not outlive it while it is being opened.
	long, cancel := context.WithCancel(metadata.NewOutgoingContext(context.WithoutCancel(ctx), s.headers.Copy()))
	c.cancel = cancel
	c.mu.Unlock()
	stop := context.AfterFunc(ctx, cancel)
	connection := s.connections[caller/streamsPerConnection%len(s.connections)]
	stream, err := connection.NewStream(long, &service.GRPCInferenceService_ServiceDesc.Streams[0], service.GRPCInferenceService_ModelStreamInfer_FullMethodName)
	if !stop() || err != nil {
		cancel()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		cancel()
		return nil, status.Error(codes.Unavailable, "the client is closed")
	}
	c.open = stream
	return stream, nil
}

// drop ends the caller's stream.
func (s *streamed) drop(caller int) {
	c := &s.callers[caller%len(s.callers)]
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
	c.open, c.cancel = nil, nil
}

// Close ends all streams and closes all connections.
func (s *streamed) Close() error {
	for i := range s.callers {
		s.callers[i].mu.Lock()
		s.callers[i].closed = true
		s.callers[i].mu.Unlock()
		s.drop(i)
	}
	var errs []error
	for _, c := range s.connections {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
