// Package hostile is a server for tests that answers what no Triton answers:
// names that steer terminals and pages, shapes and counts beyond all bounds,
// answers of the wrong size. By itself it serves a small model rightly; its
// functions change what it was about to say.
package hostile

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

// Orders would clear a terminal, rename its window and run in a page.
const Orders = "\x1b[2J\x1b]0;owned\x07\u202e<script>alert(1)</script>\r\n"

// Server serves a small model, and lies where it is told to.
type Server struct {
	service.UnimplementedGRPCInferenceServiceServer
	Metadata func(*service.ModelMetadataResponse)
	Config   func(*tritonpb.ModelConfig)
	Stats    func(*service.ModelStatistics)
	Index    func(*service.RepositoryIndexResponse)
	Infer    func(*service.ModelInferResponse) error
}

func (l *Server) ServerLive(context.Context, *service.ServerLiveRequest) (*service.ServerLiveResponse, error) {
	return &service.ServerLiveResponse{Live: true}, nil
}

func (l *Server) ServerReady(context.Context, *service.ServerReadyRequest) (*service.ServerReadyResponse, error) {
	return &service.ServerReadyResponse{Ready: true}, nil
}

func (l *Server) ModelReady(context.Context, *service.ModelReadyRequest) (*service.ModelReadyResponse, error) {
	return &service.ModelReadyResponse{Ready: true}, nil
}

func (l *Server) ServerMetadata(context.Context, *service.ServerMetadataRequest) (*service.ServerMetadataResponse, error) {
	return &service.ServerMetadataResponse{Name: "triton" + Orders, Version: "2.51.0" + Orders}, nil
}

func (l *Server) ModelMetadata(_ context.Context, q *service.ModelMetadataRequest) (*service.ModelMetadataResponse, error) {
	r := &service.ModelMetadataResponse{
		Name: q.Name, Versions: []string{"1"}, Platform: "python" + Orders,
		Inputs:  []*service.ModelMetadataResponse_TensorMetadata{{Name: "in", Datatype: "FP32", Shape: []int64{-1, 4}}},
		Outputs: []*service.ModelMetadataResponse_TensorMetadata{{Name: "out", Datatype: "FP32", Shape: []int64{-1, 2}}},
	}
	return r, lie(l.Metadata, r)
}

func (l *Server) ModelConfig(_ context.Context, q *service.ModelConfigRequest) (*service.ModelConfigResponse, error) {
	r := &tritonpb.ModelConfig{
		Name: q.Name, Backend: "python", MaxBatchSize: 8,
		Input:  []*tritonpb.ModelInput{{Name: "in", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{4}}},
		Output: []*tritonpb.ModelOutput{{Name: "out", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{2}}},
	}
	return &service.ModelConfigResponse{Config: r}, lie(l.Config, r)
}

func (l *Server) ModelStatistics(_ context.Context, q *service.ModelStatisticsRequest) (*service.ModelStatisticsResponse, error) {
	r := &service.ModelStatistics{Name: q.Name, Version: "1", InferenceStats: &service.InferStatistics{}}
	return &service.ModelStatisticsResponse{ModelStats: []*service.ModelStatistics{r}}, lie(l.Stats, r)
}

func (l *Server) RepositoryIndex(context.Context, *service.RepositoryIndexRequest) (*service.RepositoryIndexResponse, error) {
	r := &service.RepositoryIndexResponse{Models: []*service.RepositoryIndexResponse_ModelIndex{{Name: "m", Version: "1", State: "READY"}}}
	return r, lie(l.Index, r)
}

func (l *Server) ModelInfer(_ context.Context, q *service.ModelInferRequest) (*service.ModelInferResponse, error) {
	items := q.Inputs[0].Shape[0]
	r := &service.ModelInferResponse{
		ModelName: q.ModelName, ModelVersion: "1",
		Outputs:           []*service.ModelInferResponse_InferOutputTensor{{Name: "out", Datatype: "FP32", Shape: []int64{items, 2}}},
		RawOutputContents: [][]byte{make([]byte, items*8)},
	}
	if l.Infer != nil {
		return r, l.Infer(r)
	}
	return r, nil
}

func lie[R any](how func(R), r R) error {
	if how != nil {
		how(r)
	}
	return nil
}

// Start serves on loopback until the test ends, and returns the address.
func (l *Server) Start(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	service.RegisterGRPCInferenceServiceServer(server, l)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String()
}

// Fail is an error of the server's own with that text.
func Fail(text string) error { return status.Error(codes.Internal, text) }
