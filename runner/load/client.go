package load

import (
	"context"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/load/wire"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// agent names the program to servers.
const agent = "tritonsweep"

// Client is the gRPC transport: unary ModelInfer calls with encoded messages. It
// is package wire and not gRPC-Go, because the load generator must not be what is
// measured: for the same requests it takes a quarter (one caller) to a half (64
// callers) less CPU, and no memory for answers. BenchmarkClient compares the two.
type Client struct {
	calls *wire.Client
	how   encoding
}

// Dial prepares a client for a number of callers, without TLS. It does not
// connect: an unreachable server shows with the first request. The address is
// HOST:PORT.
func Dial(address string, callers int) (*Client, error) {
	return dial(Options{Address: address, Callers: callers})
}

func dial(o Options) (*Client, error) {
	calls, err := wire.New(wire.Options{
		Address: o.Address, Method: service.GRPCInferenceService_ModelInfer_FullMethodName, Agent: agent,
		Callers: o.Callers, TLS: o.TLS, Headers: o.Headers, Encoding: o.Compression,
	})
	if err != nil {
		return nil, err
	}
	return &Client{calls, encoding{compressed: o.Compression != ""}}, nil
}

// Infer sends one request; see Transport.
func (c *Client) Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error) {
	a, err := c.calls.Call(ctx, caller, p.Bytes, keep)
	if err == nil && keep && a.Compressed {
		if a.Body, err = decompress(a.Body); err != nil {
			err = status.Error(codes.Internal, err.Error())
		}
	}
	return Answer{Sent: a.Sent, Received: a.Received, Bytes: a.Bytes, Body: a.Body}, err
}

// recycle takes the body of an answer back; see recycler.
func (c *Client) recycle(body []byte) { c.calls.Recycle(body) }

func (c *Client) encoding() encoding { return c.how }

// Close closes all connections. Calls under way fail.
func (c *Client) Close() error { return c.calls.Close() }
