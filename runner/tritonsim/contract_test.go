package tritonsim

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tritonsweep/runner/tritonsim/contract"
)

// examples starts a server of its own copy of the example that the contract uses.
func examples(t *testing.T, o Options) contract.Target {
	t.Helper()
	models := filepath.Join(t.TempDir(), "models")
	if err := os.CopyFS(filepath.Join(models, contract.Model), os.DirFS(filepath.Join("..", "..", "examples", "models", contract.Model))); err != nil {
		t.Fatal(err)
	}
	o.Repository, o.TimeScale, o.ModelFiles = models, 0.1, true
	s := start(t, o)
	ends := s.Endpoints()
	return contract.Target{
		GRPC: ends.GRPC, HTTP: ends.HTTP, MetricsURL: ends.MetricsURL(), Models: models, Restart: s.Restart,
		Patience: 300 * time.Millisecond, Limit: func(_ *testing.T, n int) { s.options.Processes = n },
		Stopped: func(context.Context) error { return s.Stopped() },
		Log:     func(_ context.Context, since time.Time) (string, error) { return s.Log(since), nil },
	}
}

// readOnly keeps a test from restarting the server.
func readOnly(g contract.Target) contract.Target {
	g.Restart = nil
	return g
}

func TestAnswers(t *testing.T)  { contract.Answers(t, readOnly(examples(t, Options{}))) }
func TestWrong(t *testing.T)    { contract.Wrong(t, examples(t, Options{})) }
func TestCounters(t *testing.T) { contract.Counters(t, examples(t, Options{})) }
func TestRefusals(t *testing.T) { contract.Refusals(t, examples(t, Options{})) }
func TestLenient(t *testing.T)  { contract.Lenient(t, examples(t, Options{Lenient: true})) }
func TestControl(t *testing.T)  { contract.Control(t, examples(t, Options{Control: ControlExplicit})) }

func TestSharedMemory(t *testing.T) { contract.SharedMemory(t, readOnly(examples(t, Options{}))) }
func TestDeviceMemory(t *testing.T) { contract.DeviceMemory(t, readOnly(examples(t, Options{}))) }
