package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/runner/docker"
	"tritonsweep/runner/load"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/tritonsim"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const faceConfig = `name: "face"
backend: "python"
max_batch_size: 8
input [ { name: "input" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 2 ] } ]
dynamic_batching {
  max_queue_delay_microseconds: 500  # half a millisecond
}
instance_group [ { count: 1 kind: KIND_CPU } ]
`

const faceProfile = `{"source": "made up for a test", "compute_ms": {"1": 0.2, "8": 0.6},
 "input_copy_ms": {"1": 0}, "output_copy_ms": {"1": 0}, "device": "gpu0", "memory_mib": 1, "load_ms": 1}`

// world is a simulated server with a repository, and the state directory.
type world struct {
	dir     string
	state   undo.State
	sim     *tritonsim.Server
	server  *faultyServer
	records []results.Record
}

// faultyServer is a Server that fails where a test wants it to.
type faultyServer struct {
	Server
	mu       sync.Mutex
	restarts int
	// failRestart is asked before each restart, with its number from 1.
	failRestart func(n int) error
	// ends is asked after each restart how the process ended at once; nil is not.
	ends func(n int) *docker.ExitError
	exit *docker.ExitError // how it ended
	sim  *tritonsim.Server
	// asleep keeps restarts from happening: the old process serves on.
	asleep  bool
	connect func(ctx context.Context) (*triton.Client, error) // nil: directly
}

func (s *faultyServer) Connect(ctx context.Context) (*triton.Client, error) {
	if s.connect != nil {
		return s.connect(ctx)
	}
	return s.Server.Connect(ctx)
}

func (s *faultyServer) Restart(ctx context.Context) error {
	s.mu.Lock()
	s.restarts++
	n, asleep := s.restarts, s.asleep
	s.mu.Unlock()
	if s.failRestart != nil {
		if err := s.failRestart(n); err != nil {
			return err
		}
	}
	if asleep {
		return nil
	}
	if s.ends != nil {
		if exit := s.ends(n); exit != nil {
			return s.end(exit)
		}
	}
	s.mu.Lock()
	s.exit = nil
	s.mu.Unlock()
	return s.Server.Restart(ctx)
}

// end lets the process end.
func (s *faultyServer) end(exit *docker.ExitError) error {
	s.mu.Lock()
	s.exit = exit
	s.mu.Unlock()
	return s.sim.Close()
}

func (s *faultyServer) Stopped(ctx context.Context) error {
	s.mu.Lock()
	exit := s.exit
	s.mu.Unlock()
	if exit != nil {
		return exit
	}
	return s.Server.Stopped(ctx)
}

func newWorld(t *testing.T, control tritonsim.Control) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	w.write(t, "face/config.pbtxt", faceConfig)
	w.write(t, "face/profile.json", faceProfile)
	w.write(t, "face/1/model.py", "")
	t.Setenv(undo.StateEnv, t.TempDir())
	var err error
	if w.state, err = undo.OpenState(); err != nil {
		t.Fatal(err)
	}
	if w.sim, err = tritonsim.New(tritonsim.Options{Repository: w.dir, Control: control}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.sim.Close() })
	if err := w.sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.server = &faultyServer{Server: NewSimulator(w.sim), sim: w.sim}
	return w
}

func (w *world) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

// again starts the server again, on the files as they are now, and returns a client
// when models are ready.
func (w *world) again(t *testing.T, models ...string) *triton.Client {
	t.Helper()
	if err := w.sim.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, err := w.server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	for _, model := range models {
		if err := client.WaitReady(t.Context(), model, triton.Wait{}); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

func (w *world) config(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "face/config.pbtxt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// run sweeps two delays at one load; change may bend the config of the run.
func (w *world) run(t *testing.T, mode Mode, change func(*Config)) (Outcome, error) {
	t.Helper()
	ctx := t.Context()
	config := Config{
		Run: "run1", Mode: mode, Server: w.server, State: w.state, ReadyTimeout: 20 * time.Second,
		Load: load.Spec{
			Warmup: 50 * time.Millisecond, MinDuration: 150 * time.Millisecond, MaxDuration: 150 * time.Millisecond,
			Timeout: 5 * time.Second,
		},
		Record: func(r results.Record) error { w.records = append(w.records, r); return nil },
	}
	var err error
	space := sweep.Space{Model: "face", Settings: sweep.Delays([]int{0, 2000}), Loads: sweep.Closed([]int{2}, []int{1})}
	if config.Plan, err = sweep.NewPlan("queue-delay", []sweep.Space{space}, 1, 7); err != nil {
		t.Fatal(err)
	}
	if config.Client, err = w.server.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer config.Client.Close()
	if mode != None {
		defer w.openRepository(t, &config)()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if change != nil {
		change(&config)
	}
	return Run(ctx, config)
}

// openRepository locks and reads the repository; the returned function lets go.
func (w *world) openRepository(t *testing.T, config *Config) func() {
	t.Helper()
	var err error
	if config.Repository, err = tritonconfig.OpenRepository(w.dir); err != nil {
		t.Fatal(err)
	}
	if config.Lock, err = undo.Acquire(w.state, w.dir, "test"); err != nil {
		t.Fatal(err)
	}
	file, err := config.Repository.Read("face")
	if err != nil {
		t.Fatal(err)
	}
	config.Files = map[string]*tritonconfig.File{"face": file}
	return func() {
		if err := errors.Join(config.Lock.Release(), config.Repository.Close()); err != nil {
			t.Error(err)
		}
	}
}

// expectRestored demands that the file is the original and that the server runs
// it, with nothing pending.
func (w *world) expectRestored(t *testing.T) {
	t.Helper()
	if got := w.config(t); got != faceConfig {
		t.Errorf("the config was left as\n%s", got)
	}
	if pending, err := undo.Pending(w.state); err != nil || len(pending) > 0 {
		t.Errorf("pending restores: %d, %v", len(pending), err)
	}
	w.expectDelay(t, 500)
	entries, err := os.ReadDir(filepath.Join(w.dir, "face"))
	if err != nil || len(entries) != 3 {
		t.Errorf("the model's directory holds %v, %v", entries, err)
	}
}

// inForce returns the config that the server runs.
func (w *world) inForce(t *testing.T) *tritonpb.ModelConfig {
	t.Helper()
	client, err := w.server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	config, err := client.Config(t.Context(), "face")
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func (w *world) expectDelay(t *testing.T, want uint64) {
	t.Helper()
	if got := w.inForce(t).GetDynamicBatching().GetMaxQueueDelayMicroseconds(); got != want {
		t.Errorf("the server runs delay %d, want %d", got, want)
	}
}

// verdicts lists the records for messages.
func (w *world) verdicts() string {
	text := ""
	for _, r := range w.records {
		text += fmt.Sprintf("%s: %s %v\n", r.Settings, r.Verdict, r.Reasons)
	}
	return text
}

// runContext is run under a context that the test ends.
func (w *world) runContext(ctx context.Context, t *testing.T, change func(*Config)) (Outcome, error) {
	t.Helper()
	stopped := make(chan struct{})
	defer close(stopped)
	var outcome Outcome
	var err error
	_, runErr := w.run(t, Restart, func(c *Config) {
		change(c)
		outcome, err = Run(ctx, *c)
		c.Plan.Trials = nil // what follows has nothing left to do
	})
	return outcome, errors.Join(err, runErr)
}

// apply makes a change permanent, or fails to.
func (w *world) apply(ctx context.Context, t *testing.T, change Change) error {
	t.Helper()
	config := Config{Run: "apply1", Mode: Restart, Server: w.server, State: w.state, ReadyTimeout: 20 * time.Second, Load: load.Spec{
		Warmup: 20 * time.Millisecond, MinDuration: 50 * time.Millisecond, MaxDuration: 50 * time.Millisecond, Timeout: 5 * time.Second,
	}}
	var err error
	if config.Client, err = w.server.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer config.Client.Close()
	defer w.openRepository(t, &config)()
	if change.Entry == nil {
		change.Entry = func(original atomicfile.Snapshot) undo.Applied {
			return undo.Applied{Time: time.Unix(1, 0), Run: "run1", Model: change.Model, Before: original, After: atomicfile.Sum(change.Data)}
		}
	}
	return Apply(ctx, config, change)
}

// history returns what was applied.
func (w *world) history(t *testing.T) []undo.Applied {
	t.Helper()
	all, err := undo.History(w.state)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// recover does what the next command does.
func (w *world) recover(t *testing.T, want error) {
	t.Helper()
	pending, err := undo.Pending(w.state)
	if err != nil || len(pending) != 1 {
		t.Fatalf("pending %v, %v", pending, err)
	}
	if err := w.recovery().Recover(t.Context(), pending[0].Document, "test"); !errors.Is(err, want) {
		t.Fatalf("recover: %v", err)
	}
}
