//go:build linux && cuda

package load

import (
	"os"
	"testing"

	"tritonsweep/runner/load/cuda"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
)

// TestGPUSharedMemory: against a real Triton with a GPU on this machine, which
// serves the example models, tensors lie in the GPU's memory: whole points over every
// transport, the inputs that the model sees, and what killed runs leave. Make
// test-gpu says where the server is.
func TestGPUSharedMemory(t *testing.T) {
	ends := tritonsim.Endpoints{GRPC: os.Getenv("TRITONSWEEP_GPU_GRPC"), HTTP: os.Getenv("TRITONSWEEP_GPU_HTTP")}
	if ends.GRPC == "" {
		t.Fatal("TRITONSWEEP_GPU_GRPC does not say where the server is")
	}
	device, err := cuda.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := triton.New(triton.Options{GRPCAddr: ends.GRPC})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	regions := &Regions{Server: c, Device: device}
	if err := regions.Try(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"scrfd_10g_bnkps", "paddleocr_rec_trt"} {
		testSharedMemory(t, describeReal(t, c, model), ends, regions)
	}
	holdsTheInputs(t, c, ends, regions)
	testOrphans(t, c, regions)
}
