package fidelity

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/triton"
	"tritonsweep/sweep/batcher"
)

// burstCode is a model that tells what it executed.
//
//go:embed testdata/bursts/model.py
var burstCode string

// burst is a scenario on a real server.
type burst struct {
	file  *batcher.ScenarioFile
	model string
	place *place
	api   service.GRPCInferenceServiceClient
	warm  triton.Stats // when it was warmed up
}

// newBurst loads the scenario's model, and warms it up.
func newBurst(t *testing.T, p *place, f *batcher.ScenarioFile) *burst {
	t.Helper()
	b := &burst{file: f, model: "burst_" + f.Name, place: p, api: service.NewGRPCInferenceServiceClient(p.client.Conn())}
	p.add(t, b.model, map[string]string{"config.pbtxt": burstConfig(b.model, &f.Scenario.Models[0]), "1/model.py": burstCode})
	p.load(t, b.model)
	for range 4 * max(1, f.Scenario.Models[0].Config.Instances) {
		if a := b.ask(t.Context(), batcher.Arrival{}); a.err != nil && status.Code(a.err) != codes.Unavailable { // a short timeout
			t.Fatal(a.err)
		}
	}
	time.Sleep(pauseBetween)
	b.warm = b.statistics(t)
	return b
}

func (b *burst) statistics(t *testing.T) triton.Stats {
	t.Helper()
	stats, err := b.place.client.Statistics(t.Context(), b.model)
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// answer is what one request came to: the execution that it was part of, or an
// error.
type answer struct {
	began, process, items int64
	err                   error
}

// play sends the script once and returns the executed batches.
func (b *burst) play(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	script := b.file.Scenario.Models[0].Load.Script
	answers := make([]answer, len(script))
	var group sync.WaitGroup
	// A slow front end is played by sending one request after another.
	apart := b.file.Scenario.Timing.FrontEnd.Mean - batcher.DefaultTiming().FrontEnd.Mean
	begin := time.Now().Add(2 * time.Millisecond)
	free := begin
	for i, a := range script {
		due := begin.Add(a.At)
		if apart > 0 && free.After(due) {
			due = free
		}
		free = due.Add(apart)
		waitUntil(due)
		group.Go(func() { answers[i] = b.ask(ctx, a) })
	}
	group.Wait()
	time.Sleep(pauseBetween)
	return executed(t, answers)
}

// waitUntil is more exact than a sleep.
func waitUntil(due time.Time) {
	const spin = 100 * time.Microsecond
	time.Sleep(time.Until(due) - spin)
	for time.Now().Before(due) {
		runtime.Gosched()
	}
}

// executed puts the answers together to the batches that they tell of.
func executed(t *testing.T, answers []answer) string {
	t.Helper()
	seen := map[answer]bool{}
	var batches []answer
	refused := 0
	for _, a := range answers {
		switch {
		case status.Code(a.err) == codes.Unavailable: // its queue is full, or its time is over
			refused++
		case a.err != nil:
			t.Fatal(a.err)
		case !seen[a]:
			seen[a] = true
			batches = append(batches, a)
		}
	}
	slices.SortFunc(batches, func(a, b answer) int { return cmp.Compare(a.began, b.began) })
	var sizes []int
	for _, a := range batches {
		sizes = append(sizes, int(a.items))
	}
	return sequence(sizes, refused)
}

// ask sends one request.
func (b *burst) ask(ctx context.Context, a batcher.Arrival) answer {
	items := max(1, a.Size)
	length := 4 + int(a.Shape)
	parameters := map[string]*service.InferParameter{}
	if a.Priority > 0 {
		parameters["priority"] = &service.InferParameter{ParameterChoice: &service.InferParameter_Uint64Param{Uint64Param: uint64(a.Priority)}}
	}
	if a.Timeout > 0 {
		parameters["timeout"] = &service.InferParameter{ParameterChoice: &service.InferParameter_Int64Param{Int64Param: a.Timeout.Microseconds()}}
	}
	r, err := b.api.ModelInfer(ctx, &service.ModelInferRequest{
		ModelName: b.model, Parameters: parameters,
		Inputs:           []*service.ModelInferRequest_InferInputTensor{{Name: "input", Datatype: "FP32", Shape: []int64{int64(items), int64(length)}}},
		RawInputContents: [][]byte{make([]byte, 4*items*length)},
	})
	if err != nil {
		return answer{err: err}
	}
	if len(r.RawOutputContents) != 1 || len(r.RawOutputContents[0]) != 32*items {
		return answer{err: fmt.Errorf("an answer of %d outputs", len(r.RawOutputContents))}
	}
	at := func(i int) int64 { return int64(binary.LittleEndian.Uint64(r.RawOutputContents[0][8*i:])) }
	return answer{began: at(0), process: at(1), items: at(2)}
}
