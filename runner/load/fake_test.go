package load

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/sweep"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// testModel is a small model with a batch dimension.
func testModel() Model {
	return Model{
		Name: "m", MaxBatch: 8,
		Inputs:  []Tensor{{Name: "in", Datatype: "FP32", Shape: []int64{4}}},
		Outputs: []Tensor{{Name: "out", Datatype: "INT64", Shape: []int64{-1, 2}}},
	}
}

// answerTo encodes an answer that keeps what testModel promises.
func answerTo(m Model, batch int) []byte {
	r := &service.ModelInferResponse{ModelName: m.Name}
	for _, t := range m.Outputs {
		shape := []int64{}
		if m.MaxBatch > 0 {
			shape = append(shape, int64(batch))
		}
		n := int64(1)
		for _, d := range t.Shape {
			if d < 0 {
				d = 3
			}
			shape = append(shape, d)
		}
		for _, d := range shape {
			n *= d
		}
		r.Outputs = append(r.Outputs, &service.ModelInferResponse_InferOutputTensor{Name: t.Name, Datatype: t.Datatype, Shape: shape})
		r.RawOutputContents = append(r.RawOutputContents, zeros(t.Datatype, n))
	}
	out, err := proto.Marshal(r)
	if err != nil {
		panic(err)
	}
	return out
}

// fake is a server in virtual time: serve is asked how long request n takes, from
// 0, and whether it fails. It runs on the caller's goroutine.
type fake struct {
	serve func(ctx context.Context, n int64, caller int) (time.Duration, error)
	body  []byte
	n     atomic.Int64
	good  atomic.Int64
}

func (f *fake) Infer(ctx context.Context, caller int, _ *Payload, keep bool) (Answer, error) {
	d, err := f.serve(ctx, f.n.Add(1)-1, caller)
	sent := time.Now().Add(d / 10)
	sleep(ctx, d)
	if ctx.Err() != nil {
		return Answer{}, ctx.Err()
	}
	if err != nil {
		return Answer{}, err
	}
	f.good.Add(1)
	a := Answer{Sent: sent, Bytes: len(f.body)}
	if keep {
		a.Body = f.body
	}
	return a, nil
}

// fixed takes the same time for every request.
func fixed(d time.Duration) *fake {
	return &fake{
		body:  answerTo(testModel(), 1),
		serve: func(context.Context, int64, int) (time.Duration, error) { return d, nil },
	}
}

// batching is a server that runs up to most requests together for as long as
// service says, one batch at a time: latencies are queueing plus service, and
// requests of one batch end at the same instant.
type batching struct {
	most    int
	service func(n int) time.Duration

	mu      sync.Mutex
	waiting []chan struct{}
	busy    bool
}

func (b *batching) serve(ctx context.Context, _ int64, _ int) (time.Duration, error) {
	done := make(chan struct{})
	b.mu.Lock()
	b.waiting = append(b.waiting, done)
	if !b.busy {
		b.busy = true
		go b.run()
	}
	b.mu.Unlock()
	select {
	case <-done:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (b *batching) run() {
	for {
		b.mu.Lock()
		n := min(b.most, len(b.waiting))
		batch := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		b.busy = n > 0
		b.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(b.service(n))
		for _, done := range batch {
			close(done)
		}
	}
}

// quickSpec measures testModel without the process's own usage, which means
// nothing in virtual time.
func quickSpec(concurrency int) Spec {
	return Spec{
		Model: testModel(), Load: sweep.Load{Concurrency: concurrency, BatchSize: 1},
		Seed: 7, host: func() usage { return usage{} },
	}
}

// mustRun runs and fails the test on an error.
func mustRun(t *testing.T, transport Transport, spec Spec) Result {
	t.Helper()
	r, err := Run(t.Context(), transport, spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rawEcho answers with the same bytes whatever comes, without decoding.
type rawEcho struct{ answer []byte }

func (rawEcho) Name() string { return "proto" }

func (e rawEcho) Marshal(any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(e.answer)}, nil
}

func (rawEcho) Unmarshal(mem.BufferSlice, any) error { return nil }
