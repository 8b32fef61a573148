package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/sweep"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// What proof-truth compares. The server writes into each answer when it began to
// work on the request and when it had done, by CLOCK_MONOTONIC; the client reports
// p50 and p99 as it always does, from its histogram. The server's span lies inside
// the client's by causality, and the proof checks that for every request:
//
//	client sends <= server begins <= server ends <= client has the answer
//
// What is between the outer pair and the inner one is transport: the network, the
// server's front end, its hand-over to the model. It belongs to the latency that a
// client sees, and the model cannot know it. So the figures may differ by it, and
// by nothing else: the model's own time is made so long that 1 % of it holds that
// transport, and quantiles of the two must agree within 100 us or 1 %. A client
// that took its instants late, or before it had sent, or whose histogram rounded
// too much, would miss that by far more.
const (
	truthSlack = 100 * time.Microsecond
	truthShare = 0.01
)

// witness is a Client that keeps, beside doing what it is asked, what each answer
// says about the server's instants, with its own.
type witness struct {
	*Client
	mu    sync.Mutex
	spans []span
}

type span struct{ sent, begun, ended, received int64 } // nanoseconds of CLOCK_MONOTONIC

func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}

func (w *witness) Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error) {
	s := span{sent: monotonic()}
	a, err := w.Client.Infer(ctx, caller, p, true)
	s.received = monotonic()
	if err != nil {
		return a, err
	}
	var answer service.ModelInferResponse
	if err := proto.Unmarshal(a.Body, &answer); err != nil {
		return a, err
	}
	raw := answer.GetRawOutputContents()[0]
	s.begun, s.ended = int64(binary.LittleEndian.Uint64(raw)), int64(binary.LittleEndian.Uint64(raw[8:]))
	w.mu.Lock()
	w.spans = append(w.spans, s)
	w.mu.Unlock()
	return a, nil
}

// timekeeper is a planted server: the model of testdata/timekeeper in this process.
func timekeeper(t *testing.T) string {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(5, 5))
	return serve(t, &server{infer: func(ctx context.Context, _ *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		begun := monotonic()
		mu.Lock()
		wait := time.Duration((150 + 300*random.Float64()) * float64(time.Millisecond))
		mu.Unlock()
		sleep(ctx, wait)
		raw := binary.LittleEndian.AppendUint64(nil, uint64(begun))
		raw = binary.LittleEndian.AppendUint64(raw, uint64(monotonic()))
		return &service.ModelInferResponse{
			ModelName:         "timekeeper",
			Outputs:           []*service.ModelInferResponse_InferOutputTensor{{Name: "instants", Datatype: "INT64", Shape: []int64{2}}},
			RawOutputContents: [][]byte{raw},
		}, nil
	}})
}

// TestProofTruth compares latencies with the timestamps of the server: a planted
// one in this process, and the real Triton in a container of its own.
// TRITONSWEEP_PROOF_TRUTH is how long each point is measured, and
// TRITONSWEEP_PROOF_TRUTH_SERVER the gRPC address of a server that has the model
// already, where there is one.
func TestProofTruth(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("TRITONSWEEP_PROOF_TRUTH"))
	if err != nil {
		t.Skip("a proof: make proof-truth")
	}
	real := os.Getenv("TRITONSWEEP_PROOF_TRUTH_SERVER")
	if real == "" {
		real = dockertest.StartFolders(t, "none", "testdata/timekeeper").GRPC()
	}
	fmt.Printf("%-16s %-10s %8s %24s %24s %24s %10s %10s\n", "server", "load", "requests", "p50 server / client", "p99 server / client", "difference p50 / p99", "transport", "recorded")
	for _, s := range []struct {
		name, address string
		shared        bool
	}{{"planted", timekeeper(t), true}, {"Triton 2.51", real, false}} {
		for _, l := range []sweep.Load{{Concurrency: 1, BatchSize: 1}, {Concurrency: 8, BatchSize: 1}, {Rate: 8, Arrivals: sweep.Constant, BatchSize: 1}} {
			proveTruth(t, s.name, s.address, s.shared, l, length)
		}
	}
}

func proveTruth(t *testing.T, name, address string, shared bool, l sweep.Load, length time.Duration) {
	t.Helper()
	spec := Spec{
		Model: Model{Name: "timekeeper", Inputs: []Tensor{{Name: "seed", Datatype: "INT64", Shape: []int64{1}}},
			Outputs: []Tensor{{Name: "instants", Datatype: "INT64", Shape: []int64{2}}}},
		Load: l, Seed: 3, Shared: shared, MinDuration: length, MaxDuration: length, Warmup: 500 * time.Millisecond,
	}
	client, err := Dial(address, spec.Callers())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	w := &witness{Client: client}
	r := mustRun(t, w, spec)
	spans := inWindow(w.spans, r)
	if n := int64(len(spans)); n < r.Requests-r.Tolerance || n > r.Requests+r.Tolerance {
		t.Errorf("%s, %s: %d answers seen in the window, the client counted %d", name, l, n, r.Requests)
	}
	var server, outer, transport []time.Duration
	for _, s := range spans {
		if s.begun < s.sent || s.ended < s.begun || s.received < s.ended {
			t.Errorf("%s, %s: the server's span is not inside the client's: %+v", name, l, s)
		}
		server = append(server, time.Duration(s.ended-s.begun))
		outer = append(outer, time.Duration(s.received-s.sent))
		transport = append(transport, time.Duration((s.received-s.sent)-(s.ended-s.begun)))
	}
	slices.Sort(server)
	slices.Sort(outer)
	slices.Sort(transport)
	at := func(sorted []time.Duration, q float64) time.Duration {
		return sorted[min(int(math.Ceil(q*float64(len(sorted)))), len(sorted))-1]
	}
	var differences [2]time.Duration
	for i, q := range []float64{0.5, 0.99} {
		truth := at(server, q)
		differences[i] = r.Histogram.Quantile(q) - truth
		if allowed := max(truthSlack, time.Duration(truthShare*float64(truth))); differences[i].Abs() > allowed {
			t.Errorf("%s, %s: p%g is %s by the client and %s by the server, %s apart, at most %s", name, l, 100*q,
				r.Histogram.Quantile(q), truth, differences[i], allowed)
		}
	}
	fmt.Printf("%-16s %-10s %8d %9.3f / %9.3f ms %9.3f / %9.3f ms %9.3f / %9.3f ms %7.3f ms %7.3f ms\n", name, l.Offered(), len(spans),
		milliseconds(at(server, 0.5)), milliseconds(r.Histogram.Quantile(0.5)), milliseconds(at(server, 0.99)), milliseconds(r.Histogram.Quantile(0.99)),
		milliseconds(differences[0]), milliseconds(differences[1]), milliseconds(at(transport, 0.5)),
		milliseconds(r.Histogram.Quantile(0.99)-at(outer, 0.99)))
}

// inWindow keeps the requests that were answered while the window was measured.
func inWindow(spans []span, r Result) []span {
	now, clock := time.Now(), monotonic()
	from := clock - int64(now.Sub(r.Start))
	to := from + int64(r.Duration)
	return slices.DeleteFunc(slices.Clone(spans), func(s span) bool { return s.received < from || s.received >= to })
}
