//go:build linux && cuda

package main

import (
	"os"
	"testing"

	"tritonsweep/runner/triton"
)

// TestGPUKilledWithSharedMemory is TestKilledWithSharedMemory on a real Triton with a
// GPU on this machine, whose memory it is: make test-gpu.
func TestGPUKilledWithSharedMemory(t *testing.T) {
	address := os.Getenv("TRITONSWEEP_GPU_GRPC")
	if address == "" {
		t.Fatal("TRITONSWEEP_GPU_GRPC does not say where the server is")
	}
	testKilledWithSharedMemory(t, address, "cuda", (*triton.Client).DeviceRegions)
}
