package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/load/region"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/sweep"

	"google.golang.org/protobuf/proto"
)

// simulate starts a simulated server with one of the example models, and returns
// how to reach it.
func simulate(t *testing.T, model string) (*triton.Client, tritonsim.Endpoints) {
	t.Helper()
	c, ends, _ := simulateDevice(t, model)
	return c, ends
}

// simulateDevice is simulate for a server that has a GPU, whose memory it returns.
func simulateDevice(t *testing.T, model string) (*triton.Client, tritonsim.Endpoints, fileDevice) {
	t.Helper()
	device := fileDevice(t.TempDir())
	dir := filepath.Join(t.TempDir(), "models")
	if err := os.CopyFS(filepath.Join(dir, model), os.DirFS(filepath.Join("..", "..", "examples", "models", model))); err != nil {
		t.Fatal(err)
	}
	s, err := tritonsim.New(tritonsim.Options{Repository: dir, TimeScale: 0.1, Seed: 1, GPUs: 1, DeviceMemory: device.open})
	if err == nil {
		err = s.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ends := s.Endpoints()
	c, err := triton.New(triton.Options{GRPCAddr: ends.GRPC})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, ends, device
}

func sharedSpec(m Model, l sweep.Load, via Options, regions *Regions) Spec {
	spec := Spec{
		Model: m, Load: l, Regions: regions, Via: via, Shared: true,
		Data:   Data{Source: Random, Distinct: 3, Shapes: realShapes[m.Name]},
		Warmup: 100 * time.Millisecond, MinDuration: 300 * time.Millisecond, MaxDuration: 300 * time.Millisecond,
	}
	if l.Open() {
		spec.Outstanding = 8
	}
	return spec
}

// TestSharedMemory: whole points with tensors in shared memory, of the system and of
// a GPU, on every transport, closed and open, with nine outputs and with one whose
// size is not fixed. The messages are small, every answer that is looked at is right,
// nothing is left.
func TestSharedMemory(t *testing.T) {
	for _, model := range []string{"scrfd_10g_bnkps", "paddleocr_rec_trt"} {
		c, ends, device := simulateDevice(t, model)
		m := describeReal(t, c, model)
		for _, regions := range []*Regions{{Server: c}, {Server: c, Device: device}} {
			testSharedMemory(t, m, ends, regions)
		}
		device.requireEmpty(t)
	}
}

func testSharedMemory(t *testing.T, m Model, ends tritonsim.Endpoints, regions *Regions) {
	for _, p := range []Protocol{GRPC, Stream, HTTP} {
		for _, l := range []sweep.Load{{Concurrency: 3, BatchSize: 2}, {Rate: 40, BatchSize: 1, Arrivals: sweep.Poisson}} {
			t.Run(fmt.Sprintf("%s %s %s %s", regions.Kind(), m.Name, p, l), func(t *testing.T) {
				spec := sharedSpec(m, l, Options{Protocol: p, URL: "http://" + ends.HTTP}, regions)
				transport, err := spec.Connect(ends.GRPC)
				if err != nil {
					t.Fatal(err)
				}
				defer transport.Close()
				r := mustRun(t, transport, spec)
				if r.Requests < 1 || r.Failures() != 0 || r.RequestBytes > 4<<10 {
					t.Errorf("%d requests of %d bytes, %v: %s", r.Requests, r.RequestBytes, r.Errors, r.FirstText)
				}
				if text := strings.Join(r.Reasons, "; "); strings.Contains(text, "answers:") {
					t.Error(text)
				}
				requireNoRegions(t, regions.Server)
			})
		}
	}
}

// TestSharedMemoryHoldsTheInputs: what the server reads from the region is what a
// message would have carried.
func TestSharedMemoryHoldsTheInputs(t *testing.T) {
	c, ends, device := simulateDevice(t, "arcface_w600k_r50")
	for _, regions := range []*Regions{{Server: c}, {Server: c, Device: device}} {
		t.Run(regions.Kind(), func(t *testing.T) { holdsTheInputs(t, c, ends, regions) })
	}
	device.requireEmpty(t)
}

func holdsTheInputs(t *testing.T, c *triton.Client, ends tritonsim.Endpoints, regions *Regions) {
	m := describeReal(t, c, "arcface_w600k_r50")
	spec := sharedSpec(m, sweep.Load{Concurrency: 2, BatchSize: 2}, Options{}, regions)
	spec.Data = Data{Source: Random, Distinct: 4, Seed: 7}
	inner, err := spec.Connect(ends.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	spec = spec.withDefaults()
	shared, request, release, err := share(t.Context(), inner, &spec)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	plain, err := NewRequest(m, spec.Data, 2)
	if err != nil || plain.Distinct() != request.Distinct() {
		t.Fatalf("%d requests, want %d, %v", request.Distinct(), plain.Distinct(), err)
	}
	for i := range request.payloads {
		for caller := range 2 {
			got, err := shared.Infer(t.Context(), caller, &request.payloads[i], true)
			want, err2 := inner.Infer(t.Context(), caller, &plain.payloads[i], true)
			if err = errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			var a, b service.ModelInferResponse
			if err := errors.Join(proto.Unmarshal(got.Body, &a), proto.Unmarshal(want.Body, &b)); err != nil {
				t.Fatal(err)
			}
			if string(a.GetRawOutputContents()[0]) != string(b.GetRawOutputContents()[0]) {
				t.Errorf("request %d of caller %d has another answer", i, caller)
			}
		}
	}
}

// deaf is a server that maps regions and then writes nothing there.
type deaf struct{ Registrar }

func (deaf) RegisterRegion(context.Context, string, string, int64) error { return nil }
func (deaf) UnregisterRegion(context.Context, string) error              { return errors.New("gone") }
func (deaf) Regions(context.Context) ([]string, error)                   { return nil, nil }
func (deaf) Infer(context.Context, int, *Payload, bool) (Answer, error)  { return deafAnswer() }

func deafAnswer() (Answer, error) {
	body, err := proto.Marshal(&service.ModelInferResponse{ModelName: "m", Outputs: []*service.ModelInferResponse_InferOutputTensor{
		{Name: "out", Datatype: "FP32", Shape: []int64{1, 2, 2}},
	}})
	return Answer{Body: body}, err
}

// TestSharedMemoryNotWritten: outputs that nobody wrote are a wrong answer, and the
// region goes although the server that mapped it is gone.
func TestSharedMemoryNotWritten(t *testing.T) {
	dir := t.TempDir()
	spec := quickSpec(1)
	spec.Model, spec.Regions = testModel(), &Regions{Server: deaf{}, Dir: dir}
	spec.Model.Outputs = []Tensor{{Name: "out", Datatype: "FP32", Shape: []int64{2, 2}}}
	_, err := Run(t.Context(), deaf{}, spec)
	if wrong, ok := errors.AsType[*AnswerError](err); !ok || !strings.Contains(err.Error(), "was not written to shared memory") {
		t.Errorf("error %v, %v", err, wrong)
	}
	if left, err := fs.Glob(os.DirFS(dir), "*"); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestSharedMemoryRefusals: a server that cannot see the region, and a load above the
// limit, with the arithmetic; nothing is left of either.
func TestSharedMemoryRefusals(t *testing.T) {
	c, ends := simulate(t, "arcface_w600k_r50")
	m := describeReal(t, c, "arcface_w600k_r50")
	elsewhere := &Regions{Server: c, Dir: t.TempDir()}
	if err := elsewhere.Try(t.Context()); err == nil || !strings.Contains(err.Error(), "Unable to open shared memory region") || !strings.Contains(err.Error(), "--ipc host") {
		t.Errorf("error %v", err)
	}
	if left, err := fs.Glob(os.DirFS(elsewhere.Dir), "*"); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	spec := sharedSpec(m, sweep.Load{Concurrency: 1000, BatchSize: 1}, Options{}, &Regions{Server: c})
	spec.MemoryLimit = 1 << 20
	transport, err := spec.Connect(ends.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.Close()
	if _, err := Run(t.Context(), transport, spec); err == nil || !strings.Contains(err.Error(), "451.6 kB inputs in shared memory + 1000 x (0 B request + 2.0 kB answer) = 2.5 MB") {
		t.Errorf("error %v", err)
	}
	requireNoRegions(t, c)
}

// TestSharedMemoryOrphans: mappings of regions whose owner was killed are taken back
// by the next run, and those of a living one stay; of either kind of memory.
func TestSharedMemoryOrphans(t *testing.T) {
	c, _, device := simulateDevice(t, "arcface_w600k_r50")
	testOrphans(t, c, &Regions{Server: c})
	testOrphans(t, c, &Regions{Server: c, Device: device})
	device.requireEmpty(t)
}

func testOrphans(t *testing.T, c *triton.Client, regions *Regions) {
	t.Helper()
	living, err := regions.open(t.Context(), 4096)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := regions.open(t.Context(), 4096)
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil { // as its file is reaped after a kill
		t.Fatal(err)
	}
	if err := regions.Try(t.Context()); err != nil {
		t.Fatal(err)
	}
	if names, err := regions.known(t.Context()); err != nil || len(names) != 1 || names[0] != living.file.Name {
		t.Errorf("%s mapped: %v, %v", regions.Kind(), names, err)
	}
	// A start that has removed a dead run's file names what is to be unmapped.
	if err := errors.Join(c.Unmap(t.Context(), []string{living.file.Name, "elsewhere"}), living.Close()); err != nil {
		t.Error(err)
	}
	requireNoRegions(t, c)
}

// TestDeviceMemoryRefusals: a GPU without room, one that the server does not have,
// and a server without any; nothing is left.
func TestDeviceMemoryRefusals(t *testing.T) {
	c, _, device := simulateDevice(t, "arcface_w600k_r50")
	dir := t.TempDir()
	for want, d := range map[string]region.Device{
		"no room":      full{device},
		"invalid args": other{device},
	} {
		err := (&Regions{Server: c, Device: d, Dir: dir}).Try(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if want == "invalid args" && !strings.Contains(err.Error(), "--cuda-device") {
			t.Errorf("error without a hint: %v", err)
		}
	}
	requireNoRegions(t, c)
	device.requireEmpty(t)
	if left, err := fs.Glob(os.DirFS(dir), "*"); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
