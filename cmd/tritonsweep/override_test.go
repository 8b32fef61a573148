package main

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner/docker/dockertest"
	"tritonsweep/runner/triton"
)

const arcface = "arcface_w600k_r50"

// explicitServer starts a simulated Triton with explicit model control, which a
// sweep's death does not reach, and returns its gRPC address.
func (s *simulation) explicitServer(t *testing.T) string {
	t.Helper()
	server, address := s.serve(t, "--control-mode", "explicit")
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	return address
}

// noDocker in its environment keeps a command from looking for containers.
const noDocker = "DOCKER_HOST=unix:///no-docker.sock"

// reload returns a sweep through a server's load requests.
func (s *simulation) reload(address string, more ...string) *exec.Cmd {
	cmd := s.command(append([]string{"queue-delay", "--mode", "reload", "--grpc-url", address, "--model", arcface,
		"--delays", "1000,3000", "--concurrency", "2", "--rounds", "1", "--duration", "200ms", "--warmup", "50ms", "--db", s.db}, more...)...)
	cmd.Env = append(cmd.Env, noDocker)
	return cmd
}

// servedConfig asks the server, patiently: it may be in the middle of a load.
func servedConfig(t *testing.T, address string) *tritonpb.ModelConfig {
	t.Helper()
	client, err := triton.New(triton.Options{GRPCAddr: address})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := client.WaitReady(ctx, arcface, triton.Wait{}); err != nil {
		t.Fatal(err)
	}
	config, err := client.Config(ctx, arcface)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// killOverridden kills a sweep while an override is in force, and its guardian
// with it when that is asked for.
func (s *simulation) killOverridden(t *testing.T, address string, before *tritonpb.ModelConfig, guardian bool) {
	t.Helper()
	cmd := hold(t, s.reload(address), changed)
	cmd.await(t, hookSays)
	if proto.Equal(before, servedConfig(t, address)) {
		t.Error("no override is in force")
	}
	if !guardian {
		s.killGuardians(t, cmd.Process.Pid)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
}

func (s *simulation) expectServed(t *testing.T, address string, before *tritonpb.ModelConfig) {
	t.Helper()
	if now := servedConfig(t, address); !proto.Equal(before, now) {
		t.Errorf("the server runs\n%s\ninstead of\n%s", now, before)
	}
	s.expectClean(t)
}

// TestFault67OverrideAndGuardian: kill -9 while an override is in force; the
// guardian removes it without any further command.
func TestFault67OverrideAndGuardian(t *testing.T) {
	s := newSimulation(t)
	address := s.explicitServer(t)
	before := servedConfig(t, address)
	s.killOverridden(t, address, before, true)
	s.waitRestored(t)
	s.expectServed(t, address, before)
}

// TestFault67OverrideAndNextStart: the guardian is killed as well. The doctor
// says what is in force, and restore, or the next sweep, removes it.
func TestFault67OverrideAndNextStart(t *testing.T) {
	s := newSimulation(t)
	address := s.explicitServer(t)
	before := servedConfig(t, address)
	for _, next := range []*exec.Cmd{s.command("restore"), s.reload(address)} {
		s.killOverridden(t, address, before, false)
		doctor := s.command("doctor", "--mode", "reload", "--grpc-url", address)
		next.Env = append(next.Env, noDocker)
		doctor.Env = append(doctor.Env, noDocker)
		out, _ := doctor.CombinedOutput()
		if doctor.ProcessState.ExitCode() != exitNotVerified || !bytes.Contains(out, []byte("an override of "+arcface+" may still be in force")) {
			t.Errorf("doctor: exit code %d\n%s", doctor.ProcessState.ExitCode(), out)
		}
		if out, err := next.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("restored the server "+address)) {
			t.Errorf("%v: %v\n%s", next.Args[1:2], err, out)
		}
		s.expectServed(t, address, before)
	}
}

// TestFault67TwoReloads: a second sweep of the same server is refused.
func TestFault67TwoReloads(t *testing.T) {
	s := newSimulation(t)
	address := s.explicitServer(t)
	first := hold(t, s.reload(address), changed)
	first.await(t, hookSays)
	second := s.reload(address)
	out, _ := second.CombinedOutput()
	if second.ProcessState.ExitCode() != exitHeld || !bytes.Contains(out, []byte("the server "+address+" is held by tritonsweep queue-delay")) {
		t.Errorf("the second sweep: exit code %d\n%s", second.ProcessState.ExitCode(), out)
	}
	first.goOn()
	if err := first.Wait(); err != nil && first.ProcessState.ExitCode() != exitSome {
		t.Errorf("the first sweep: %v", err)
	}
	s.expectClean(t)
}

// TestFault67RealOverride is the same on a real Triton with explicit model
// control, whose container the sweep knows.
func TestFault67RealOverride(t *testing.T) {
	dockertest.Require(t)
	s := newSimulation(t)
	own := dockertest.Start(t, "explicit", arcface)
	before := servedConfig(t, own.GRPC())
	cmd := s.reload(own.GRPC(), "--container", own.Name)
	cmd.Env = cmd.Env[:len(cmd.Env)-1] // with Docker
	held := hold(t, cmd, changed)
	held.await(t, hookSays)
	if proto.Equal(before, servedConfig(t, own.GRPC())) {
		t.Error("no override is in force")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	s.waitRestored(t)
	s.expectServed(t, own.GRPC(), before)
}
