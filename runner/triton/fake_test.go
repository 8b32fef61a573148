package triton

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeServer answers like Triton 2.51 does. Its fields may be changed between
// calls under the lock; before runs first on every call.
type fakeServer struct {
	service.UnimplementedGRPCInferenceServiceServer
	mu       sync.Mutex
	before   func(ctx context.Context, call string) error
	live     bool
	ready    bool
	models   []ModelIndex
	configs  map[string]*tritonpb.ModelConfig
	stats    []*service.ModelStatistics
	explicit bool
	loads    []string // override of each load, "" without
	calls    []string
}

func newFake() *fakeServer {
	return &fakeServer{live: true, ready: true, models: []ModelIndex{
		{Name: "arcface", Version: "1", State: StateReady},
		{Name: "detector", Version: "1", State: StateReady},
	}}
}

// serve starts f on loopback and returns a client of it.
func serve(t *testing.T, f *fakeServer) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, r any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		if err := f.enter(ctx, info.FullMethod); err != nil {
			return nil, err
		}
		return h(ctx, r)
	}))
	service.RegisterGRPCInferenceServiceServer(s, f)
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	c, err := New(Options{GRPCAddr: l.Addr().String(), CallTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Stop(); <-done })
	return c
}

// virtual returns a client that calls f directly, for tests in virtual time.
func virtual(f *fakeServer) *Client {
	return &Client{api: direct{f: f}, address: "fake:8001", callTimeout: DefaultCallTimeout,
		loadTimeout: DefaultLoadTimeout, resetDelay: func() {}}
}

// direct is a client without a connection: a call that outlives its deadline
// fails as gRPC would let it.
type direct struct {
	service.GRPCInferenceServiceClient
	f *fakeServer
}

func call[Q, R any](ctx context.Context, f *fakeServer, name string, q Q, handle func(context.Context, Q) (R, error)) (R, error) {
	err := f.enter(ctx, name)
	if err == nil {
		return handle(ctx, q)
	}
	var none R
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = status.FromContextError(err).Err()
	}
	return none, err
}

func (d direct) ServerLive(ctx context.Context, q *service.ServerLiveRequest, _ ...grpc.CallOption) (*service.ServerLiveResponse, error) {
	return call(ctx, d.f, "ServerLive", q, d.f.ServerLive)
}

func (d direct) ServerReady(ctx context.Context, q *service.ServerReadyRequest, _ ...grpc.CallOption) (*service.ServerReadyResponse, error) {
	return call(ctx, d.f, "ServerReady", q, d.f.ServerReady)
}

func (d direct) ModelReady(ctx context.Context, q *service.ModelReadyRequest, _ ...grpc.CallOption) (*service.ModelReadyResponse, error) {
	return call(ctx, d.f, "ModelReady", q, d.f.ModelReady)
}

func (d direct) RepositoryIndex(ctx context.Context, q *service.RepositoryIndexRequest, _ ...grpc.CallOption) (*service.RepositoryIndexResponse, error) {
	return call(ctx, d.f, "RepositoryIndex", q, d.f.RepositoryIndex)
}

func (d direct) RepositoryModelUnload(ctx context.Context, q *service.RepositoryModelUnloadRequest, _ ...grpc.CallOption) (*service.RepositoryModelUnloadResponse, error) {
	return call(ctx, d.f, "RepositoryModelUnload", q, d.f.RepositoryModelUnload)
}

func (f *fakeServer) enter(ctx context.Context, call string) error {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	before := f.before
	f.mu.Unlock()
	if before != nil {
		return before(ctx, call)
	}
	return nil
}

// change runs with the lock held.
func (f *fakeServer) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fakeServer) state(model string) string {
	for _, m := range f.models {
		if m.Name == model {
			return m.State
		}
	}
	return ""
}

func (f *fakeServer) ServerLive(context.Context, *service.ServerLiveRequest) (*service.ServerLiveResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &service.ServerLiveResponse{Live: f.live}, nil
}

func (f *fakeServer) ServerReady(context.Context, *service.ServerReadyRequest) (*service.ServerReadyResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &service.ServerReadyResponse{Ready: f.ready}, nil
}

func (f *fakeServer) ModelReady(_ context.Context, q *service.ModelReadyRequest) (*service.ModelReadyResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &service.ModelReadyResponse{Ready: f.state(q.Name) == StateReady}, nil
}

func (f *fakeServer) ServerMetadata(context.Context, *service.ServerMetadataRequest) (*service.ServerMetadataResponse, error) {
	return &service.ServerMetadataResponse{Name: "triton", Version: "2.51.0", Extensions: []string{"statistics"}}, nil
}

func (f *fakeServer) ModelMetadata(_ context.Context, q *service.ModelMetadataRequest) (*service.ModelMetadataResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state(q.Name) != StateReady {
		return nil, f.notFound(q.Name)
	}
	return &service.ModelMetadataResponse{Name: q.Name, Versions: []string{"1"}, Platform: "python",
		Inputs:  []*service.ModelMetadataResponse_TensorMetadata{{Name: "input", Datatype: "FP32", Shape: []int64{-1, 3}}},
		Outputs: []*service.ModelMetadataResponse_TensorMetadata{{Name: "output", Datatype: "FP32", Shape: []int64{-1, 512}}}}, nil
}

func (f *fakeServer) notFound(name string) error {
	for _, m := range f.models {
		if m.Name == name {
			return status.Errorf(codes.NotFound, "Request for unknown model: '%s' has no available versions", name)
		}
	}
	return status.Errorf(codes.NotFound, "Request for unknown model: '%s' is not found", name)
}

func (f *fakeServer) ModelConfig(_ context.Context, q *service.ModelConfigRequest) (*service.ModelConfigResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state(q.Name) != StateReady {
		return nil, f.notFound(q.Name)
	}
	return &service.ModelConfigResponse{Config: f.configs[q.Name]}, nil
}

func (f *fakeServer) ModelStatistics(_ context.Context, q *service.ModelStatisticsRequest) (*service.ModelStatisticsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if q.Name != "" && f.state(q.Name) != StateReady { // no name: all of them
		return nil, status.Errorf(codes.InvalidArgument, "requested model '%s' is not available", q.Name)
	}
	return &service.ModelStatisticsResponse{ModelStats: f.stats}, nil
}

func (f *fakeServer) RepositoryIndex(context.Context, *service.RepositoryIndexRequest) (*service.RepositoryIndexResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &service.RepositoryIndexResponse{}
	for _, m := range f.models {
		r.Models = append(r.Models, &service.RepositoryIndexResponse_ModelIndex{Name: m.Name, Version: m.Version, State: m.State, Reason: m.Reason})
	}
	return r, nil
}

var errMode = status.Error(codes.Unavailable, "explicit model load / unload is not allowed if polling is enabled")

func (f *fakeServer) RepositoryModelLoad(_ context.Context, q *service.RepositoryModelLoadRequest) (*service.RepositoryModelLoadResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.explicit {
		return nil, errMode
	}
	for i, m := range f.models {
		if m.Name == q.ModelName {
			f.loads = append(f.loads, q.Parameters["config"].GetStringParam())
			f.models[i].State = StateReady
			return &service.RepositoryModelLoadResponse{}, nil
		}
	}
	return nil, status.Errorf(codes.Internal, "failed to load '%s', failed to poll from model repository", q.ModelName)
}

// Unloading takes a while, as it does in Triton.
func (f *fakeServer) RepositoryModelUnload(_ context.Context, q *service.RepositoryModelUnloadRequest) (*service.RepositoryModelUnloadResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.explicit {
		return nil, errMode
	}
	for i, m := range f.models {
		if m.Name == q.ModelName {
			f.models[i].State = StateUnloading
			time.AfterFunc(200*time.Millisecond, func() {
				f.change(func() { f.models[i].State, f.models[i].Reason = StateUnavailable, "unloaded" })
			})
		}
	}
	return &service.RepositoryModelUnloadResponse{}, nil
}
