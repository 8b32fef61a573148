package load

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tritonsweep/internal/tritonpb/service"

	"google.golang.org/protobuf/proto"
)

// sharing is a Transport whose tensors lie in a region.
type sharing struct {
	inner    Transport
	region   *mapped
	payloads [][]Payload        // by caller, by number of the distinct request
	outputs  []map[string]place // by caller
	pending  atomic.Int64       // the longest that a request took or was waited for, nanoseconds
	lost     atomic.Bool        // the server may still work on a request that nobody waits for
}

// share puts the tensors of a spec's requests into shared memory. It changes how
// many callers an open loop has, where the memory limit asks for fewer. The
// returned function removes everything again.
func share(ctx context.Context, inner Transport, spec *Spec) (Transport, *Request, func(), error) {
	m := spec.Model
	groups, err := m.groups(spec.Data, spec.Load.BatchSize)
	if err != nil {
		return nil, nil, nil, err
	}
	groups = spec.rotation(groups)
	plan, err := planShared(m, groups)
	if err != nil {
		return nil, nil, nil, err
	}
	if spec.Load.Open() && spec.ownBound {
		// All of it is taken at once: as many callers as leave others room.
		if free := spec.Regions.free(); free > 0 {
			spec.MemoryLimit = min(spec.memoryLimit(), max(free/2, plan.once+plan.each))
		}
	}
	if err := spec.fitsBeside("model "+m.Name, plan.once, 0, plan.each); err != nil {
		return nil, nil, nil, err
	}
	callers := spec.Callers()
	r, err := spec.Regions.open(ctx, plan.once+int64(callers)*plan.each)
	if err != nil {
		return nil, nil, nil, err
	}
	s := &sharing{inner: inner, region: r}
	release := func() {
		s.settle(ctx)
		if err := spec.Regions.close(ctx, r); err != nil {
			slog.Error("shared memory is left behind; the next start removes it", "error", err)
		}
	}
	request, err := s.prepare(m, groups, plan, callers, encodingOf(inner))
	if err != nil {
		release()
		return nil, nil, nil, err
	}
	return s, request, release, nil
}

// prepare fills in the inputs and encodes the messages.
func (s *sharing) prepare(m Model, groups [][]item, plan sharedPlan, callers int, how encoding) (*Request, error) {
	for i, group := range groups {
		for name, p := range plan.inputs[i] {
			at := p.offset
			for _, it := range group {
				if err := s.region.Write(at, it[name].raw); err != nil {
					return nil, err
				}
				at += int64(len(it[name].raw))
			}
		}
	}
	for caller := range callers {
		outputs := map[string]place{}
		for name, p := range plan.outputs {
			outputs[name] = place{plan.once + int64(caller)*plan.each + p.offset, p.size}
		}
		s.outputs = append(s.outputs, outputs)
		var payloads []Payload
		for i, tensors := range plan.tensors {
			p, err := how.sharedPayload(m, tensors, s.region.file.Name, plan.inputs[i], outputs)
			if err != nil {
				return nil, err
			}
			p.number = i
			payloads = append(payloads, p)
		}
		s.payloads = append(s.payloads, payloads)
	}
	return &Request{model: m, batch: len(groups[0]), payloads: s.payloads[0]}, nil
}

// Infer sends a caller's own form of a request; see Transport.
func (s *sharing) Infer(ctx context.Context, caller int, p *Payload, keep bool) (Answer, error) {
	caller %= len(s.payloads)
	if keep {
		if err := s.paint(caller); err != nil {
			return Answer{}, err
		}
	}
	begin := time.Now()
	answer, err := s.inner.Infer(ctx, caller, &s.payloads[caller][p.number], keep)
	if took := int64(time.Since(begin)); took > s.pending.Load() {
		s.pending.Store(took)
	}
	if err != nil && ctx.Err() != nil {
		s.lost.Store(true)
	}
	if err == nil && keep {
		answer.Body = s.complete(caller, answer.Body)
	}
	return answer, err
}

// settle waits for requests that nobody waits for any more: a server that writes
// into memory which it has unmapped would crash.
func (s *sharing) settle(ctx context.Context) {
	if s.lost.Load() {
		sleep(context.WithoutCancel(ctx), min(time.Second+2*time.Duration(s.pending.Load()), 10*time.Second))
	}
}

// paint marks a caller's outputs, so that one that the server did not write shows.
const paintByte = 0xa5

func (s *sharing) paint(caller int) error {
	for _, p := range s.outputs[caller] {
		if err := s.region.Fill(p.offset, p.size, paintByte); err != nil {
			return err
		}
	}
	return nil
}

// complete puts the outputs into an answer, as if they had come with it, so that
// one check serves both ways. What is wrong is said in the answer's place, and
// whoever checks it will say so.
func (s *sharing) complete(caller int, body []byte) []byte {
	var response service.ModelInferResponse
	if err := proto.Unmarshal(body, &response); err != nil {
		return body
	}
	raw := make([][]byte, len(response.GetOutputs()))
	copy(raw, response.GetRawOutputContents())
	for i, o := range response.GetOutputs() {
		p, shared := s.outputs[caller][o.GetName()]
		if !shared || len(raw[i]) > 0 {
			continue
		}
		data, err := s.region.View(p.offset, p.size)
		if err != nil {
			return fmt.Appendf([]byte{notAnAnswer}, "output %q cannot be read: %v", o.GetName(), err)
		}
		count, ok := elements(o.GetShape())
		if size := count * int64(datatypes[o.GetDatatype()]); ok && size <= p.size {
			data = data[:size]
		}
		if unwritten(data) {
			return fmt.Appendf([]byte{notAnAnswer}, "output %q was not written to shared memory", o.GetName())
		}
		raw[i] = data
	}
	response.RawOutputContents = raw
	out, err := proto.Marshal(&response)
	if err != nil {
		return body
	}
	return out
}

func unwritten(data []byte) bool {
	for _, b := range data {
		if b != paintByte {
			return false
		}
	}
	return len(data) > 0
}
