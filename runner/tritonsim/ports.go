package tritonsim

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
)

// ports are the open ports of a process.
type ports struct {
	grpc    *grpc.Server
	http    []*http.Server
	serving sync.WaitGroup
}

// Windows and buffers, so that a request of megabytes arrives without waiting
// for the client to be told that it may send more.
const (
	streamWindow     = 8 << 20
	connectionWindow = 64 << 20
	bufferSize       = 64 << 10
	// linger is how long answers may take to leave.
	linger = 500 * time.Millisecond
)

// open listens on all addresses and serves p there.
func (s *Server) open(p *process) (*ports, error) {
	s.mu.Lock()
	wanted := s.ends
	s.mu.Unlock()
	var (
		listeners []net.Listener
		got       [3]string
	)
	for i, address := range []string{wanted.GRPC, wanted.HTTP, wanted.Metrics} {
		asked := []string{s.options.GRPC, s.options.HTTP, s.options.Metrics}[i]
		l, err := listen(address, asked)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, err
		}
		listeners = append(listeners, l)
		got[i] = l.Addr().String()
	}
	s.mu.Lock()
	s.ends = Endpoints{got[0], got[1], got[2]}
	s.mu.Unlock()

	o := &ports{grpc: newGRPC(p)}
	o.serving.Go(func() { o.grpc.Serve(listeners[0]) }) // ends with Stop
	for i, handler := range []http.Handler{p.httpHandler(), p.metricsHandler()} {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		o.http = append(o.http, server)
		o.serving.Go(func() { server.Serve(listeners[i+1]) }) // ends with Close
	}
	s.log.printf(info, "grpc_server.cc:2558", "Started GRPCInferenceService at %s", got[0])
	s.log.printf(info, "http_server.cc:4713", "Started HTTPService at %s", got[1])
	s.log.printf(info, "http_server.cc:362", "Started Metrics Service at %s", got[2])
	return o, nil
}

// listen takes the address of the last start, or another free port if somebody
// has that one now and any was asked for.
func listen(address, asked string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil && errors.Is(err, syscall.EADDRINUSE) && address != asked {
		l, err = net.Listen("tcp", asked)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a port: %w", err)
	}
	return l, nil
}

func newGRPC(p *process) *grpc.Server {
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec()), experimental.BufferPool(new(pool)),
		grpc.MaxRecvMsgSize(math.MaxInt32), grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connectionWindow),
		grpc.ReadBufferSize(bufferSize), grpc.WriteBufferSize(bufferSize),
	)
	server.RegisterService(&description, &api{p: p})
	return server
}

// close lets answers leave and closes the ports.
func (o *ports) close() {
	for _, server := range o.http {
		server.Close()
	}
	timer := time.AfterFunc(linger, o.grpc.Stop)
	o.grpc.GracefulStop()
	timer.Stop()
	o.serving.Wait()
}
