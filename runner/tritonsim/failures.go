package tritonsim

import (
	"errors"
	"fmt"

	"tritonsweep/internal/tritonpb"
)

// aborted is an end that Triton does not choose: a library throws, and the
// process is gone without a last word of its own.
type aborted struct {
	code  int
	throw string // the exception
	what  string // its text
}

func (e *aborted) Error() string { return e.throw + ": " + e.what }

func aborts(err error) bool {
	_, ok := errors.AsType[*aborted](err)
	return ok
}

// errDirectory is what a config.pbtxt that is a directory does to Triton.
var errDirectory = &aborted{134, "std::length_error", "basic_string::_M_replace_aux"}

// errProcesses is what becomes of it when the machine grants no further process.
var errProcesses = &aborted{134, "std::system_error", "Resource temporarily unavailable"}

// fail prints the last words of a server that does not start.
func (p *process) fail(err error) error {
	if a, ok := errors.AsType[*aborted](err); ok {
		p.server.log.print(fmt.Sprintf("terminate called after throwing an instance of '%s'", a.throw))
		p.server.log.print("  what():  " + a.what)
		return &ExitError{Code: a.code, Reason: a.Error(), cause: err}
	}
	last := "error: creating server: Internal - failed to load all models"
	p.server.log.print(last)
	return &ExitError{Code: 1, Reason: last + ": " + err.Error(), cause: err}
}

// hangs reports whether a start with that model never ends: the Python backend
// waits for a process that has not found its model.
func (s *Server) hangs(f *found) bool {
	return s.options.ModelFiles && f.config.Backend == "python" && f.version != "" && f.file != "model.py"
}

// tooMany reports whether the machine has no process for one of the instances.
func (s *Server) tooMany(models []*found) bool {
	n := 0
	for _, f := range models {
		if f.config.Backend == "python" {
			n += instances(f.config)
		}
	}
	return s.options.Processes > 0 && n > s.options.Processes
}

// checkInitialize fails as the example's stand-in does when the parameter fails
// tells it to.
func checkInitialize(c *tritonpb.ModelConfig) error {
	if c.Backend != "python" {
		return nil
	}
	switch c.Parameters["fails"].GetStringValue() {
	case "raises":
		return errors.New("Internal: ValueError: the parameter fails is raises")
	case "dies":
		return fmt.Errorf("Internal: Stub process '%s_0' is not healthy.", c.InstanceGroup[0].Name)
	}
	return nil
}
