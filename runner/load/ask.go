package load

import (
	"context"
	"fmt"

	"tritonsweep/internal/tritonpb/service"
)

// Remember asks a model each of its distinct requests once, one after another, and
// keeps the answers in the spec's Outputs. It is for models that are loaded at the
// same time and under one config only: what each answers while nobody asks the
// others is what it is held to. A request that is not answered is not remembered.
func Remember(ctx context.Context, t Transport, spec Spec) error {
	r, release, err := newRun(ctx, t, spec)
	if err != nil {
		return err
	}
	defer release()
	spec.Outputs.of = "the model asked by itself"
	if r.request.opaque != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, rollCallTime)
	defer cancel()
	for payload := range min(len(r.request.payloads), mostKnown) {
		if response := r.ask(limited, r.request, payload); response != nil {
			spec.Outputs.recall(outputKey{r.spec.Load.BatchSize, payload}, sketchOf(response, 0, 1), true)
		}
		if limited.Err() != nil {
			break // what is known by then is enough
		}
	}
	return context.Cause(ctx)
}

// sways asks, after the load, whether a model whose answers differ has one answer at
// all: the same request twice, and then in a batch with others. It returns how it
// has not; empty when it has, or does not answer.
func (r *run) sways(ctx context.Context) string {
	seen, spec := r.recorder.outputs, r.spec
	if spec.Outputs == nil || spec.Untouched || seen.different == 0 {
		return ""
	}
	if known := spec.Outputs.sway(""); known != "" {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout)
	defer cancel()
	first, second := r.ask(ctx, r.request, seen.payload), r.ask(ctx, r.request, seen.payload)
	if apart, output := sketchOf(first, 0, 1).distance(sketchOf(second, 0, 1)); apart > mostApart {
		return fmt.Sprintf("two answers to one request are %.0f %% apart in %s", 100*apart, output)
	}
	return r.swaysInBatch(ctx)
}

// mostRows is how many items are asked for together.
const mostRows = 4

// swaysInBatch compares the rows of one batch with the answers to its items alone.
func (r *run) swaysInBatch(ctx context.Context) string {
	rows := min(mostRows, r.spec.Model.MaxBatch)
	if r.spec.Load.BatchSize != 1 || rows < 2 || r.spec.Regions != nil || r.request.opaque != nil {
		return ""
	}
	together, err := newRequest(r.spec.Model, r.spec.Data, rows, encodingOf(r.transport))
	if err != nil {
		return ""
	}
	batch := r.ask(ctx, together, 0)
	for row := range rows {
		alone := r.ask(ctx, r.request, row%len(r.request.payloads))
		if apart, output := sketchOf(alone, 0, 1).distance(sketchOf(batch, row, rows)); apart > mostApart {
			return fmt.Sprintf("in a batch of %d an item's answer is %.0f %% from the one that it gets alone, in %s", rows, 100*apart, output)
		}
	}
	return ""
}

// ask sends one request by itself; nil where no answer is to be had.
func (r *run) ask(ctx context.Context, request *Request, payload int) *service.ModelInferResponse {
	answer, err := r.transport.Infer(ctx, 0, &request.payloads[payload], true)
	if err != nil {
		return nil
	}
	response, err := request.decode(answer.Body)
	if err != nil {
		return nil
	}
	return response
}
