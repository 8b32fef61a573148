package tritonsim

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
)

// api is the gRPC service of a process: everything but inference.
type api struct {
	service.UnimplementedGRPCInferenceServiceServer
	p *process
}

// description is the generated service with inference in messages of our own.
var description = describe()

func describe() grpc.ServiceDesc {
	d := service.GRPCInferenceService_ServiceDesc
	d.Methods = slices.Clone(d.Methods)
	for i := range d.Methods {
		if d.Methods[i].MethodName == "ModelInfer" {
			d.Methods[i].Handler = inferUnary
		}
	}
	d.Streams = []grpc.StreamDesc{{
		StreamName: "ModelStreamInfer", Handler: inferStream, ServerStreams: true, ClientStreams: true,
	}}
	return d
}

const version251 = "2.51.0"

var extensions = []string{
	"classification", "sequence", "model_repository", "model_repository(unload_dependents)", "schedule_policy",
	"model_configuration", "system_shared_memory", "cuda_shared_memory", "binary_tensor_data", "parameters",
	"statistics", "trace", "logging",
}

func (a *api) ServerLive(context.Context, *service.ServerLiveRequest) (*service.ServerLiveResponse, error) {
	return &service.ServerLiveResponse{Live: true}, nil
}

func (a *api) ServerReady(context.Context, *service.ServerReadyRequest) (*service.ServerReadyResponse, error) {
	return &service.ServerReadyResponse{Ready: a.p.serverReady()}, nil
}

// serverReady is strict: a server that stops, or could not load a model, is not
// ready. One whose config it could not even read does not count.
func (p *process) serverReady() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return !p.closing && !p.incomplete
}

func (a *api) ModelReady(_ context.Context, q *service.ModelReadyRequest) (*service.ModelReadyResponse, error) {
	_, _, err := a.p.find(q.Name, q.Version)
	return &service.ModelReadyResponse{Ready: err == nil}, nil
}

func (a *api) ServerMetadata(context.Context, *service.ServerMetadataRequest) (*service.ServerMetadataResponse, error) {
	return &service.ServerMetadataResponse{Name: "triton", Version: version251, Extensions: extensions}, nil
}

func (a *api) ModelMetadata(_ context.Context, q *service.ModelMetadataRequest) (*service.ModelMetadataResponse, error) {
	m, _, err := a.p.find(q.Name, q.Version)
	if err != nil {
		return nil, err
	}
	return m.metadata(), nil
}

func (a *api) ModelConfig(_ context.Context, q *service.ModelConfigRequest) (*service.ModelConfigResponse, error) {
	m, _, err := a.p.find(q.Name, q.Version)
	if err != nil {
		return nil, err
	}
	return &service.ModelConfigResponse{Config: m.config}, nil
}

func (a *api) ModelStatistics(_ context.Context, q *service.ModelStatisticsRequest) (*service.ModelStatisticsResponse, error) {
	return a.p.statistics(q.Name, q.Version)
}

// statistics returns one model's counters, or all models' for an empty name.
func (p *process) statistics(name, version string) (*service.ModelStatisticsResponse, error) {
	var models []*model
	if name != "" {
		m, _, err := p.find(name, version)
		if other, _, otherErr := p.find(name, ""); err != nil && otherErr == nil {
			return nil, status.Errorf(codes.InvalidArgument, "requested model version is not available for model '%s'", other.name)
		}
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "requested model '%s' is not available", name)
		}
		models = append(models, m)
	} else {
		models = p.serving()
	}
	r := new(service.ModelStatisticsResponse)
	p.engine.lock()
	defer p.engine.unlock()
	for _, m := range models {
		r.ModelStats = append(r.ModelStats, m.stats.message(m.name, m.version))
	}
	return r, nil
}

// serving returns the models that serve, by name.
func (p *process) serving() []*model {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var all []*model
	for _, e := range p.sorted() {
		if e.current != nil {
			all = append(all, e.current)
		}
	}
	return all
}

func (a *api) RepositoryIndex(_ context.Context, q *service.RepositoryIndexRequest) (*service.RepositoryIndexResponse, error) {
	return a.p.index(q.Ready), nil
}

// index lists the models, those that serve or all.
func (p *process) index(ready bool) *service.RepositoryIndexResponse {
	p.mu.RLock()
	defer p.mu.RUnlock()
	r := new(service.RepositoryIndexResponse)
	for _, e := range p.sorted() {
		if ready && e.current == nil {
			continue
		}
		r.Models = append(r.Models, &service.RepositoryIndexResponse_ModelIndex{
			Name: e.name, Version: e.version, State: e.state, Reason: e.reason,
		})
	}
	return r
}

func (a *api) RepositoryModelLoad(_ context.Context, q *service.RepositoryModelLoadRequest) (*service.RepositoryModelLoadResponse, error) {
	override := ""
	for name, value := range q.Parameters {
		if name != "config" {
			return nil, status.Errorf(codes.InvalidArgument, "unrecognized load parameter '%s' is not simulated", name)
		}
		if override = value.GetStringParam(); override == "" {
			return nil, status.Errorf(codes.Internal, "failed to load '%s', failed to poll from model repository", q.ModelName)
		}
	}
	if err := a.p.load(q.ModelName, override); err != nil {
		return nil, err
	}
	return new(service.RepositoryModelLoadResponse), nil
}

func (a *api) RepositoryModelUnload(_ context.Context, q *service.RepositoryModelUnloadRequest) (*service.RepositoryModelUnloadResponse, error) {
	if err := a.p.unload(q.ModelName); err != nil {
		return nil, err
	}
	return new(service.RepositoryModelUnloadResponse), nil
}
