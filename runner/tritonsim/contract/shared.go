package contract

import (
	"encoding/binary"
	"math"
	"testing"

	"google.golang.org/grpc/codes"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/load/region"
)

// sharedIn and sharedOut are where the tensors of a request of one item lie.
const (
	sharedIn  = 0
	sharedOut = inputElements * 4
	sharedAll = sharedOut + outputElements*4
)

// areaParameters say where a tensor lies in a region.
func areaParameters(name string, offset, size int64) map[string]*service.InferParameter {
	number := func(n int64) *service.InferParameter {
		return &service.InferParameter{ParameterChoice: &service.InferParameter_Int64Param{Int64Param: n}}
	}
	return map[string]*service.InferParameter{
		"shared_memory_region":    {ParameterChoice: &service.InferParameter_StringParam{StringParam: name}},
		"shared_memory_byte_size": number(size), "shared_memory_offset": number(offset),
	}
}

// askShared is ask(1) with its tensors in a region.
func askShared(name string, in, inSize, out, outSize int64) *service.ModelInferRequest {
	r := ask(1)
	r.RawInputContents = nil
	r.Inputs[0].Parameters = areaParameters(name, in, inSize)
	r.Outputs = []*service.ModelInferRequest_InferRequestedOutputTensor{{Name: "output", Parameters: areaParameters(name, out, outSize)}}
	return r
}

// SharedMemory maps a region, uses it, misuses it, and lets it go. The server must
// see this machine's shared memory.
func SharedMemory(t *testing.T, g Target) {
	g.ready(t)
	api, ctx := g.api(t), limited(t)
	r, err := region.Create(region.Dir, sharedAll)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	register := func(name, key string, offset, size uint64) error {
		_, err := api.SystemSharedMemoryRegister(ctx, &service.SystemSharedMemoryRegisterRequest{Name: name, Key: key, Offset: offset, ByteSize: size})
		return err
	}
	if err := register("area", "/"+r.Name, 0, sharedAll); err != nil {
		t.Fatal(err)
	}
	requireStatus(t, register("area", "/"+r.Name, 0, sharedAll), codes.AlreadyExists, "shared memory region 'area' already in manager")
	requireStatus(t, register("none", "/"+r.Name+"-none", 0, 8), codes.Internal, "Unable to open shared memory region: '/"+r.Name+"-none'")

	status, err := api.SystemSharedMemoryStatus(ctx, &service.SystemSharedMemoryStatusRequest{})
	if s := status.GetRegions()["area"]; err != nil || len(status.GetRegions()) != 1 || s.GetKey() != "/"+r.Name || s.GetByteSize() != sharedAll || s.GetOffset() != 0 {
		t.Errorf("mapped: %v, %v", status, err)
	}

	for i := range inputElements {
		binary.LittleEndian.PutUint32(r.Data[4*i:], math.Float32bits(0))
	}
	binary.LittleEndian.PutUint32(r.Data, math.Float32bits(7))
	answer, err := api.ModelInfer(ctx, askShared("area", sharedIn, sharedOut, sharedOut, outputElements*4))
	if err != nil {
		t.Fatal(err)
	}
	if raw := answer.GetRawOutputContents(); len(raw) != 1 || len(raw[0]) != 0 {
		t.Errorf("%d raw outputs, want an empty one", len(raw))
	}
	if got := firsts(r.Data[sharedOut:], 1)[0]; got != 7 {
		t.Errorf("the output begins with %g, want 7", got)
	}
	for _, wrong := range []struct {
		request *service.ModelInferRequest
		code    codes.Code
		text    string
	}{
		{askShared("other", sharedIn, sharedOut, sharedOut, 2048), codes.NotFound, "Unable to find shared memory region: 'other'"},
		{askShared("area", sharedAll+1, sharedOut, sharedOut, 2048), codes.InvalidArgument, "Invalid offset for shared memory region: 'area'"},
		{askShared("area", 8192, sharedOut, sharedOut, 2048), codes.InvalidArgument, "Invalid offset + byte size for shared memory region: 'area'"},
		{askShared("area", sharedIn, sharedOut-4, sharedOut, 2048), codes.InvalidArgument,
			"[request id: <id_unknown>] input byte size mismatch for input 'input' for model 'arcface_w600k_r50'. Expected 150528, got 150524"},
		{askShared("area", sharedIn, sharedOut, sharedOut, 100), codes.Internal,
			"shared memory size specified with the request for output 'output' (100 bytes) should be at least 2048 bytes to hold the results"},
	} {
		_, err := api.ModelInfer(ctx, wrong.request)
		requireStatus(t, err, wrong.code, wrong.text)
	}
	for _, name := range []string{"area", "area"} { // the second time it is no error either
		if _, err := api.SystemSharedMemoryUnregister(ctx, &service.SystemSharedMemoryUnregisterRequest{Name: name}); err != nil {
			t.Error(err)
		}
	}
	_, err = api.SystemSharedMemoryStatus(ctx, &service.SystemSharedMemoryStatusRequest{Name: "area"})
	requireStatus(t, err, codes.NotFound, "Unable to find system shared memory region: 'area'")
}

// DeviceMemory is what a server says of CUDA shared memory that has no GPU.
func DeviceMemory(t *testing.T, g Target) {
	g.ready(t)
	api, ctx := g.api(t), limited(t)
	for _, handle := range [][]byte{make([]byte, 64), make([]byte, 4), nil} {
		_, err := api.CudaSharedMemoryRegister(ctx, &service.CudaSharedMemoryRegisterRequest{Name: "area", RawHandle: handle, ByteSize: 8})
		requireStatus(t, err, codes.InvalidArgument, "failed to register shared memory region: invalid args")
	}
	answer, err := api.CudaSharedMemoryStatus(ctx, &service.CudaSharedMemoryStatusRequest{})
	if err != nil || len(answer.GetRegions()) != 0 {
		t.Errorf("mapped: %v, %v", answer, err)
	}
	_, err = api.CudaSharedMemoryStatus(ctx, &service.CudaSharedMemoryStatusRequest{Name: "area"})
	requireStatus(t, err, codes.NotFound, "Unable to find cuda shared memory region: 'area'")
	for _, name := range []string{"area", ""} {
		if _, err := api.CudaSharedMemoryUnregister(ctx, &service.CudaSharedMemoryUnregisterRequest{Name: name}); err != nil {
			t.Error(err)
		}
	}
}
