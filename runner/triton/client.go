package triton

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/local"
)

const (
	// DefaultMaxReceive is the largest answer taken, in bytes. The 4 MiB of
	// gRPC are too few for nine outputs at batch 5.
	DefaultMaxReceive = 256 << 20
	// manageReceive bounds answers about the server, which are small.
	manageReceive = 32 << 20
	// DefaultCallTimeout bounds a call that only asks.
	DefaultCallTimeout = 10 * time.Second
	// DefaultLoadTimeout bounds a load, which may build an engine.
	DefaultLoadTimeout = 5 * time.Minute
)

// Options say how to reach a server. Only GRPCAddr is required; zero values
// mean the defaults above.
type Options struct {
	GRPCAddr   string // host:port of the gRPC service
	MetricsURL string // of the metrics page; empty: no metrics
	// MaxReceive is the receive limit of Conn, in bytes. A caller that knows
	// the size of its answers sets a lower one by ReceiveLimit.
	MaxReceive  int
	CallTimeout time.Duration
	LoadTimeout time.Duration

	// TLS is used when not nil.
	TLS *tls.Config
	// Headers go with every call, for restricted APIs: name to value. They are
	// secrets, so without TLS they are refused off loopback unless Insecure.
	Headers  map[string]string
	Insecure bool
	// DialOptions are added last.
	DialOptions []grpc.DialOption
}

// Client asks one server. It is safe for concurrent use.
type Client struct {
	conn        *grpc.ClientConn
	api         service.GRPCInferenceServiceClient
	address     string
	metricsURL  string
	callTimeout time.Duration
	loadTimeout time.Duration
	resetDelay  func() // forgets how often connecting failed
}

// New returns a client that connects at its first call, so that the server may
// still be starting: see WaitReady.
func New(o Options) (*Client, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(o.GRPCAddr, o.dialOptions()...)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", o.GRPCAddr, err)
	}
	return &Client{
		conn:        conn,
		api:         service.NewGRPCInferenceServiceClient(conn),
		address:     o.GRPCAddr,
		metricsURL:  o.MetricsURL,
		callTimeout: orDefault(o.CallTimeout, DefaultCallTimeout),
		loadTimeout: orDefault(o.LoadTimeout, DefaultLoadTimeout),
		resetDelay:  conn.ResetConnectBackoff,
	}, nil
}

// Dial is New followed by one question, so that a wrong address is an error
// now. It wraps ErrUnavailable, ErrNotTriton or ErrRestricted.
func Dial(ctx context.Context, o Options) (*Client, error) {
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	if _, err := c.Live(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection; calls under way fail.
func (c *Client) Close() error { return c.conn.Close() }

// Conn is the connection, for calls that this package does not make. It has
// the receive limit and the headers of the options, and no deadlines.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// Address is the gRPC address, for messages.
func (c *Client) Address() string { return c.address }

// ReceiveLimit bounds the answer of one call of Conn to size bytes and a
// margin of 1 MiB for what surrounds the tensors.
func ReceiveLimit(size int) grpc.CallOption { return grpc.MaxCallRecvMsgSize(size + 1<<20) }

func (o Options) check() error {
	host, _, err := net.SplitHostPort(o.GRPCAddr)
	if err != nil || strings.Contains(o.GRPCAddr, "/") {
		return fmt.Errorf("gRPC address %q: want host:port, for example localhost:8001", o.GRPCAddr)
	}
	if len(o.Headers) > 0 && o.TLS == nil && !o.Insecure && !local.Host(host) {
		return fmt.Errorf("gRPC address %s: refusing to send headers in plain text off loopback (hint: --tls, or --insecure-headers)", o.GRPCAddr)
	}
	return nil
}

func (o Options) dialOptions() []grpc.DialOption {
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	limit := o.MaxReceive
	if limit <= 0 {
		limit = DefaultMaxReceive
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit)),
		// A repeated request would be measured as one slow request.
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		// A proxy between would be measured too.
		grpc.WithNoProxy(),
		// gRPC's own delays grow to two minutes: far more than a restart takes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 3 * time.Second,
		}),
	}
	if len(o.Headers) > 0 {
		options = append(options, grpc.WithPerRPCCredentials(headers(maps.Clone(o.Headers))))
	}
	return append(options, o.DialOptions...)
}

// headers are credentials.PerRPCCredentials: they reach unary calls and
// streams alike. Whether plain text is allowed was decided by Options.check.
type headers map[string]string

func (h headers) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	lower := make(map[string]string, len(h))
	for k, v := range h {
		lower[strings.ToLower(k)] = v
	}
	return lower, nil
}

func (headers) RequireTransportSecurity() bool { return false }

func orDefault(d, standard time.Duration) time.Duration {
	if d <= 0 {
		return standard
	}
	return d
}

// limit is the option of every call about the server.
func limit() grpc.CallOption { return grpc.MaxCallRecvMsgSize(manageReceive) }
