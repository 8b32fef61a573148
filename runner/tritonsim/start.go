package tritonsim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// begin loads the models and opens the ports.
func (p *process) begin() error {
	s := p.server
	s.log.print("tritonserver, simulated by tritonsweep")
	names, err := listModels(s.options.Repository)
	if err != nil {
		return p.refuse(err)
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
	if err != nil {
		return p.refuse(err)
	}
	if err := p.loadAll(models); err != nil {
		if p.ctx.Err() != nil {
			return ErrStopped
		}
		return p.refuse(err)
	}
	if p.ports, err = s.open(p); err != nil {
		p.server.log.print("error: " + err.Error())
		return &ExitError{Code: 1, Reason: err.Error(), cause: err}
	}
	return nil
}

// refuse prints the last words of a server that does not start.
func (p *process) refuse(err error) error {
	last := "error: creating server: Internal - failed to load all models"
	p.server.log.print(last)
	return &ExitError{Code: 1, Reason: last + ": " + err.Error(), cause: err}
}

// pollAll reads the models named. The error joins what is wrong with all.
func (p *process) pollAll(names []string) ([]*found, error) {
	var (
		models []*found
		errs   []error
	)
	for _, name := range names {
		f, err := p.server.poll(name, "")
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

// loadAll loads models at the same time, as long as the slowest takes.
func (p *process) loadAll(models []*found) error {
	var errs []error
	for _, f := range models {
		if err := p.checkLoad(f); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		p.logTable(models)
		return joined(errs)
	}
	var longest time.Duration
	for _, f := range models {
		longest = max(longest, p.loadTime(f))
	}
	if !p.sleep(longest) {
		return p.ctx.Err()
	}
	for _, f := range models {
		if err := p.install(f, ""); err != nil {
			return err
		}
	}
	p.logTable(models)
	return nil
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
