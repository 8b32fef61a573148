package tritonsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/sweep/batcher"
)

// inferUnary is the handler of ModelInfer.
func inferUnary(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	r := new(request)
	if err := decode(r); err != nil {
		return nil, err
	}
	answer, err := server.(*api).p.serve(ctx, r)
	if err != nil {
		return nil, err // not a nil *response in an any
	}
	return answer.encode(), nil
}

// answer is what a request gets, whatever protocol it came by.
type answer struct {
	model   *model
	id      string
	outputs []output
}

func (a *answer) encode() *response {
	return newResponse(a.model.name, a.model.version, a.id, a.outputs)
}

// serve serves one request.
func (p *process) serve(ctx context.Context, r *request) (*answer, error) {
	m, total, err := p.find(r.head.ModelName, r.head.ModelVersion)
	if err != nil {
		return nil, err
	}
	if err := p.regions.fetch(r); err != nil {
		return nil, err
	}
	c, err := m.check(r)
	if err != nil {
		return nil, err
	}
	outputs, err := m.answer(r, c)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if err := p.regions.places(r, outputs); err != nil {
		return nil, err
	}
	if err := p.schedule(ctx, m, total, c); err != nil {
		return nil, err
	}
	if err := p.regions.store(outputs); err != nil {
		return nil, err
	}
	return &answer{m, c.id, outputs}, nil
}

// schedule waits until the request was executed.
func (p *process) schedule(ctx context.Context, m *model, total *counters, c checked) error {
	call := &pending{done: make(chan error, 1), elements: float64(count(c.item))}
	p.engine.lock()
	if p.engine.closed {
		p.engine.mu.Unlock()
		return errStopping
	}
	arrived := p.engine.now
	id := m.scheduler.arrive(c.request, call)
	p.engine.unlock()
	var err error
	select {
	case err = <-call.done:
	case <-p.engine.done:
		return errStopping
	case <-ctx.Done():
		p.engine.lock()
		m.scheduler.cancel(id)
		p.engine.unlock()
		return status.FromContextError(ctx.Err()).Err()
	}
	var why *refused
	if !errors.As(err, &why) {
		return err
	}
	p.engine.lock()
	defer p.engine.unlock()
	return m.refuse(why.reason, total, p.engine.now.Sub(arrived), c)
}

var errStopping = status.Error(codes.Unavailable, "Socket closed")

// refuse counts a refused request and says why. A full queue is counted nowhere.
func (m *model) refuse(reason batcher.Reason, total *counters, waited time.Duration, c checked) error {
	switch reason {
	case batcher.QueueFull:
		return status.Error(codes.Unavailable, idPrefix(c.id)+reason.String())
	case batcher.Expired:
		m.stats.fail.add(1, waited)
		total.fail(rejected)
		return status.Error(codes.Unavailable, "Request timeout expired")
	case batcher.Cancelled:
		m.stats.fail.add(1, waited)
		total.fail(canceled)
		return status.Error(codes.Canceled, "request cancelled")
	}
	m.stats.fail.add(1, waited)
	total.fail(other)
	return status.Error(codes.InvalidArgument, fmt.Sprintf("%sinference request batch-size must be <= %d for '%s'", idPrefix(c.id), m.config.MaxBatchSize, m.name))
}

// inferStream is the handler of ModelStreamInfer: requests are served as they
// come, and answered as they are done.
func inferStream(server any, stream grpc.ServerStream) error {
	p := server.(*api).p
	var (
		calls sync.WaitGroup
		send  sync.Mutex
	)
	defer calls.Wait()
	for {
		r := new(request)
		if err := stream.RecvMsg(r); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		calls.Go(func() {
			answer := new(streamed)
			if a, err := p.serve(stream.Context(), r); err != nil {
				answer.message = status.Convert(err).Message()
			} else {
				answer.response = a.encode()
			}
			send.Lock()
			defer send.Unlock()
			stream.SendMsg(answer) // an error ends the stream, which RecvMsg sees
		})
	}
}
