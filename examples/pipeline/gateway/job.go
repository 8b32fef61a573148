package gateway

import (
	"context"
	"errors"
	"image"
	"math"
	"sync"
	"time"
)

// job is one picture on its way.
type job struct {
	gateway *Gateway
	picture *image.RGBA
	stages  *stages

	mu     sync.Mutex
	answer Answer
	parts  int // that were tried
}

// wait takes a worker; the caller gives it back.
func (j *job) wait(ctx context.Context) error {
	defer j.stages.time("wait")()
	select {
	case j.gateway.workers <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// part runs one part of a route; what fails is told in the answer.
func (j *job) part(name string, work func() error) {
	err := work()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.parts++
	if err == nil {
		return
	}
	if j.answer.Errors == nil {
		j.answer.Errors = map[string]string{}
	}
	j.answer.Errors[name] = reason(err)
}

// beside runs several parts beside each other.
func (j *job) beside(parts map[string]func() error) {
	var all sync.WaitGroup
	for name, work := range parts {
		all.Go(func() { j.part(name, work) })
	}
	all.Wait()
}

// set changes the answer.
func (j *job) set(change func(*Answer)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.answer)
}

// finish completes the answer.
func (j *job) finish() Answer {
	a := j.answer
	switch {
	case len(a.Errors) == 0:
		a.Status = "ok"
	case len(a.Errors) < j.parts:
		a.Status = "partial"
	default:
		a.Status = "failed"
	}
	bounds := j.picture.Bounds()
	a.Width, a.Height = bounds.Dx(), bounds.Dy()
	a.Timings, a.Total = j.stages.timings(), milliseconds(time.Since(j.stages.begun))
	return a
}

// The routes.

func face(ctx context.Context, j *job) {
	j.part("faces", func() error { return j.faces(ctx) })
}

func detection(ctx context.Context, j *job) {
	j.beside(map[string]func() error{
		"objects":   func() error { return j.objects(ctx) },
		"embedding": func() error { return j.embed(ctx) },
	})
}

func ingest(ctx context.Context, j *job) {
	j.beside(map[string]func() error{
		"faces":     func() error { return j.faces(ctx) },
		"objects":   func() error { return j.objects(ctx) },
		"embedding": func() error { return j.embed(ctx) },
		"text":      func() error { return j.lines(ctx) },
	})
}

func analyze(ctx context.Context, j *job) {
	ingest(ctx, j)
	j.part("text_embedding", func() error { return j.embedText(ctx) })
}

// embed embeds the whole picture.
func (j *job) embed(ctx context.Context) error {
	tensor := j.prepare(canvas{width: 256, height: 256, stretch: true, offset: 0, scale: 1.0 / 255})
	defer tensor.free()
	outputs, err := j.infer(ctx, imageEncoder, "images", []int64{1, 3, 256, 256}, tensor.raw)
	if err != nil {
		return err
	}
	embedding, err := outputs.floats("image_embeddings", 512)
	if err != nil {
		return err
	}
	j.set(func(a *Answer) { a.Embedding = normal(embedding) })
	return nil
}

// normal scales a vector to length 1; the zero vector stays.
func normal(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return v
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return out
}

// reason is an error for the caller of the API.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the models took too long"
	}
	return err.Error()
}
