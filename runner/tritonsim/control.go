package tritonsim

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"tritonsweep/runner/triton"
)

var errControl = status.Error(codes.Unavailable, "explicit model load / unload is not allowed if polling is enabled")

// load loads a model on request. It returns when the model serves.
func (p *process) load(name, override string) error {
	if p.server.options.Control != ControlExplicit {
		return errControl
	}
	p.loading.Lock()
	defer p.loading.Unlock()
	f, err := p.server.poll(name, override)
	if err != nil {
		p.logPoll(name, err)
		return status.Errorf(codes.Internal, "failed to load '%s', failed to poll from model repository", name)
	}
	if p.unchanged(f, override) {
		return nil
	}
	err = p.checkLoad(f)
	if err == nil {
		p.markLoading(name)
		if !p.sleep(p.loadTime(f)) {
			return status.Error(codes.Unavailable, "Server is stopping, scheduler for model has stopped accepting new inference requests")
		}
		err = p.install(f, override)
	}
	if err != nil {
		return status.Errorf(codes.InvalidArgument, "load failed for model '%s': version %s is at UNAVAILABLE state: %s;\n", name, f.version, err)
	}
	return nil
}

// unchanged reports whether there is nothing to load: the same config again, or
// no config given and files as they were. So an override stays in force.
func (p *process) unchanged(f *found, override string) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.entries[f.name]
	if e == nil || e.current == nil {
		return false
	}
	if override == "" {
		return e.modified.Equal(f.modified)
	}
	return proto.Equal(e.current.config, f.config) && e.modified.Equal(f.modified)
}

func (p *process) markLoading(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entry(name); e.current == nil {
		e.state, e.reason = triton.StateLoading, ""
	}
}

// unload unloads a model on request. Like Triton it returns at once, and
// requests under way finish.
func (p *process) unload(name string) error {
	if p.server.options.Control != ControlExplicit {
		return errControl
	}
	p.loading.Lock()
	defer p.loading.Unlock()
	p.mu.Lock()
	e := p.entries[name]
	if e == nil || e.current == nil {
		p.mu.Unlock()
		return nil
	}
	m := e.current
	e.current, e.override, e.counters = nil, "", nil
	e.state, e.reason = triton.StateUnloading, ""
	p.engine.lock()
	p.retire(m)
	p.engine.unlock()
	p.mu.Unlock()
	done := p.drained(m)
	p.group.Go(func() {
		select {
		case <-done:
		case <-p.ctx.Done():
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.state == triton.StateUnloading {
			e.state, e.reason = triton.StateUnavailable, "unloaded"
		}
		p.server.log.printf(info, "model_lifecycle.cc:624", "successfully unloaded '%s' version %s", name, m.version)
	})
	return nil
}
