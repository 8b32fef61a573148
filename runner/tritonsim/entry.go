package tritonsim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner/triton"
)

// entry is a model as the repository index lists it. The process's lock guards
// it, the engine's what its counters count.
type entry struct {
	name     string
	version  string
	state    string // one of triton.State..., empty for a model never loaded
	reason   string
	current  *model
	override string    // the config that was given in place of the file's
	modified time.Time // of the files, when they were last loaded
	counters *counters
}

// checkLoad refuses what Triton's loader refuses and notes it in the index.
func (p *process) checkLoad(f *found) error {
	if f.version == "" {
		err := fmt.Errorf("at least one version must be available under the version policy of model '%s'", f.name)
		p.server.log.printf(failure, "model_repository_manager.cc:724", "failed to load model '%s': %s", f.name, err)
		return err
	}
	err := checkLoad(f.config, p.server.options.GPUs)
	if err != nil {
		err = fmt.Errorf("Invalid argument: %w", err)
	} else if err = checkInitialize(f.config); err == nil {
		return nil
	}
	p.server.log.printf(failure, "model_lifecycle.cc:642", "failed to load '%s' version %s: %s", f.name, f.version, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entry(f.name); e.current == nil {
		e.state, e.reason = triton.StateUnavailable, err.Error()
		e.version = f.version
	}
	return err
}

// entry returns the entry of that name, a new one for a new model.
func (p *process) entry(name string) *entry {
	if p.entries[name] == nil {
		p.entries[name] = &entry{name: name}
	}
	return p.entries[name]
}

// install makes a model serve in place of what served before, which finishes
// what it has.
func (p *process) install(f *found, override string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engine.lock()
	defer p.engine.unlock()
	m, err := newModel(p.engine, f, p.server.options.Variation)
	if err != nil {
		return fmt.Errorf("Invalid argument: %w", err)
	}
	e := p.entry(f.name)
	if e.counters == nil {
		e.counters = new(counters)
	}
	if e.current != nil && countOnly(e.current.config, f.config) {
		m.stats = e.current.stats // Triton only adds or removes instances
	}
	total := e.counters
	m.scheduler.done = func(b batch) {
		b = m.credit(b)
		m.stats.add(b)
		total.add(b)
	}
	p.retire(e.current)
	e.current, e.version, e.state, e.reason = m, f.version, triton.StateReady, ""
	e.override, e.modified = override, f.modified
	p.server.log.printf(info, "model_lifecycle.cc:839", "successfully loaded '%s'", f.name)
	if f.note != "" {
		p.server.log.printf(warning, "tritonsim:1", "%s: %s", f.name, f.note)
	}
	return nil
}

// countOnly reports whether two configs differ in nothing but instance counts.
func countOnly(a, b *tritonpb.ModelConfig) bool {
	a, b = proto.CloneOf(a), proto.CloneOf(b)
	a.InstanceGroup, b.InstanceGroup = nil, nil
	return proto.Equal(a, b)
}

// find returns the model that serves a name and version, or why none does.
func (p *process) find(name, version string) (*model, *counters, error) {
	if _, err := strconv.ParseInt(version, 10, 64); version != "" && err != nil {
		return nil, nil, status.Errorf(codes.InvalidArgument,
			"failed to get model version from specified version string '%s' (details: stol), version should be an integral value > 0", version)
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	e := p.entries[name]
	switch {
	case e == nil || e.state == "":
		return nil, nil, status.Errorf(codes.NotFound, "Request for unknown model: '%s' is not found", name)
	case e.current == nil:
		return nil, nil, status.Errorf(codes.NotFound, "Request for unknown model: '%s' has no available versions", name)
	case version != "" && version != e.version:
		return nil, nil, status.Errorf(codes.NotFound, "Request for unknown model: '%s' version %s is not found", name, version)
	}
	return e.current, e.counters, nil
}

// sorted returns the entries by name. The process must be locked.
func (p *process) sorted() []*entry {
	return slices.SortedFunc(maps.Values(p.entries), func(a, b *entry) int { return strings.Compare(a.name, b.name) })
}
