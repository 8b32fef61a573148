package load

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/results/stats"
	"tritonsweep/sweep"

	"google.golang.org/protobuf/proto"
)

// The server of proof-open-loop stands still for the first stall of every period,
// and otherwise answers after a fixed service time, any number at once.
//
// The arithmetic. A request that arrives at a uniformly random instant (Poisson
// arrivals see time averages: Wolff, 1982) finds a stall with probability
// stall/period, and waits for the rest of it, uniform on [0, stall]. So
//
//	P(latency > x + service) = (stall - x) / period     for 0 <= x < stall
//
// and the quantile q, where 1-q < stall/period, is stall - (1-q) period + service:
// 1 s - 0.1 s + 20 ms = 920 ms for p99, 520 ms for p95. In a closed loop each caller
// meets at most one stall a period, among (period - stall) / service + 1 = 451
// requests: with 1 in 451 its p99 is the service time, 20 ms.
const (
	stallPeriod  = 10 * time.Second
	stall        = time.Second
	stallService = 20 * time.Millisecond
)

func stallQuantile(q float64) float64 {
	return milliseconds(stall+stallService) - (1-q)*milliseconds(stallPeriod)
}

// TestProofOpenLoop offers the same server an open and a closed loop, over sockets
// and in real time. TRITONSWEEP_PROOF_OPEN is how long each is measured, a multiple
// of ten seconds, so that every window holds whole periods wherever it begins.
func TestProofOpenLoop(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("TRITONSWEEP_PROOF_OPEN"))
	if err != nil {
		t.Skip("a proof: make proof-open-loop")
	}
	length = max(length.Round(stallPeriod), stallPeriod)
	var answer service.ModelInferResponse
	if err := proto.Unmarshal(answerTo(testModel(), 1), &answer); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	address := serve(t, &server{infer: func(ctx context.Context, _ *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		at := time.Since(begin) % stallPeriod
		sleep(ctx, max(stall-at, 0)+stallService)
		return &answer, nil
	}})
	measure := func(l sweep.Load) Result {
		spec := Spec{
			Model: testModel(), Load: l, Seed: 11, Shared: true, Quantile: 0.99,
			Warmup: time.Second, MinDuration: length, MaxDuration: length,
		}
		transport := dialTest(t, address, spec.Callers())
		return mustRun(t, transport, spec)
	}
	open := measure(sweep.Load{Rate: 200, Arrivals: sweep.Poisson, BatchSize: 1})
	closed := measure(sweep.Load{Concurrency: 4, BatchSize: 1})

	fmt.Printf("a server that stalls %s every %s and else takes %s; %s each, %d processors\n", stall, stallPeriod, stallService, length, runtime.NumCPU())
	fmt.Printf("%-22s %10s %12s %12s %12s %12s\n", "", "requests", "p50", "p95", "p99", "max")
	fmt.Printf("%-22s %10s %9.1f ms %9.1f ms %9.1f ms %9.1f ms\n", "arithmetic", "", milliseconds(stallService),
		stallQuantile(0.95), stallQuantile(0.99), milliseconds(stall+stallService))
	row := func(name string, r Result) (quantiles [3]stats.Quantile) {
		for i, p := range []float64{0.5, 0.95, 0.99} {
			quantiles[i], _ = r.Quantile(p)
			if quantiles[i].Missing > 0 { // the histogram knows it, only not how sure it is
				quantiles[i].Value = milliseconds(r.Histogram.Quantile(p))
			}
		}
		fmt.Printf("%-22s %10d %9.1f ms %9.1f ms %9.1f ms %9.1f ms\n", name, r.Requests,
			quantiles[0].Value, quantiles[1].Value, quantiles[2].Value, milliseconds(r.Histogram.Max()))
		return quantiles
	}
	seen := row("open loop, 200/s", open)
	bounded := row("closed loop, 4 callers", closed)

	for i, p := range []float64{0.95, 0.99} {
		want := stallQuantile(p)
		// How many Poisson arrivals wait for longer than that varies by the square
		// root of their number; 1 % is for the machine.
		allowed := 3*milliseconds(stallPeriod)*math.Sqrt((1-p)/float64(open.Requests)) + 0.01*want
		fmt.Printf("%s: %+.1f ms from the arithmetic, at most %.1f\n", quantileName(p), seen[i+1].Value-want, allowed)
		if math.Abs(seen[i+1].Value-want) > allowed {
			t.Errorf("the open loop's %s is %.1f ms, the arithmetic gives %.1f", quantileName(p), seen[i+1].Value, want)
		}
	}
	if bounded[2].Value > 0.1*stallQuantile(0.99) {
		t.Errorf("the closed loop's p99 is %.1f ms: the server did not stall as planned", bounded[2].Value)
	}
}
