package tritonsim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// begin loads the models and opens the ports.
func (p *process) begin() error {
	s := p.server
	s.log.print("tritonserver, simulated by tritonsweep")
	names, err := listModels(s.options.Repository)
	if err != nil {
		return p.fail(err)
	}
	startup := names
	if s.options.Control == ControlExplicit && s.options.LoadModels != nil {
		startup = s.options.LoadModels
	}
	p.mu.Lock()
	for _, name := range names {
		p.entries[name] = &entry{name: name}
	}
	p.mu.Unlock()
	models, err := p.pollAll(startup)
	if s.tooMany(models) {
		err = errProcesses
	}
	if err != nil && (!s.options.Lenient || aborts(err)) {
		return p.fail(err)
	}
	if slices.ContainsFunc(models, s.hangs) {
		<-p.ctx.Done()
		return ErrStopped
	}
	loadErr := p.loadAll(models)
	if p.ctx.Err() != nil {
		return ErrStopped
	}
	if loadErr != nil && !s.options.Lenient {
		return p.fail(loadErr)
	}
	if err = errors.Join(err, loadErr); err != nil {
		s.log.printf(failure, "tritonserver.cc:2607", "Internal: failed to load all models")
	}
	p.incomplete = loadErr != nil
	if p.ports, err = s.open(p); err != nil {
		s.log.print("error: " + err.Error())
		return &ExitError{Code: 1, Reason: err.Error(), cause: err}
	}
	return nil
}

// pollAll reads the models named. The error joins what is wrong with all.
func (p *process) pollAll(names []string) ([]*found, error) {
	var (
		models []*found
		errs   []error
	)
	for _, name := range names {
		f, err := p.server.poll(name, "")
		if aborts(err) {
			return nil, err
		}
		if err != nil {
			p.logPoll(name, err)
			errs = append(errs, err)
			continue
		}
		models = append(models, f)
	}
	return models, joined(errs)
}

// joined is errors.Join on one line.
func joined(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

func (p *process) logPoll(name string, err error) {
	var broken *pollError
	if errors.As(err, &broken) && broken.parser != "" {
		p.server.log.print("[libprotobuf ERROR google/protobuf/text_format.cc:337] " + broken.parser)
	}
	p.server.log.printf(failure, "model_repository_manager.cc:1460", "Poll failed for model directory '%s': %s", name, err)
}

// loadAll loads models at the same time, as long as the slowest takes. The error
// joins why some cannot be loaded; a lenient server loads the others.
func (p *process) loadAll(models []*found) error {
	var (
		good    []*found
		errs    []error
		longest time.Duration
	)
	for _, f := range models {
		if err := p.checkLoad(f); err != nil {
			errs = append(errs, err)
			continue
		}
		good = append(good, f)
		longest = max(longest, p.loadTime(f))
	}
	if len(errs) == 0 || p.server.options.Lenient {
		if !p.sleep(longest) {
			return p.ctx.Err()
		}
		for _, f := range good {
			if err := p.install(f, ""); err != nil {
				errs = append(errs, err)
			}
		}
	}
	p.logTable(models)
	return joined(errs)
}

func (p *process) loadTime(f *found) time.Duration {
	return time.Duration(float64(f.profile.LoadTime) * p.server.options.TimeScale)
}

// sleep reports whether the process still is to run after d.
func (p *process) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return p.ctx.Err() == nil
	case <-p.ctx.Done():
		return false
	}
}

// logTable prints Triton's table of models.
func (p *process) logTable(models []*found) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, f := range models {
		state := "READY"
		if e := p.entries[f.name]; e.reason != "" {
			state = "UNAVAILABLE: " + e.reason
		}
		p.server.log.print(fmt.Sprintf("| %s | %s | %s |", f.name, f.version, state))
	}
}
