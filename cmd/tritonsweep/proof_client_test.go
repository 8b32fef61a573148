package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

// What proof-client asks for: the client's CPU for a request is at most half of
// perf_analyzer's, and what it drives a fast server to is at least 1.5 times as much.
const (
	mostCPURatio  = 0.5
	leastRateGain = 1.5
)

// fastModels are served by a simulated Triton in a process of its own whose
// executions take a microsecond: what limits the rate is the clients and the
// protocol. Inputs are of 616 bytes and of 4.9 MB, as the text encoder and the
// face detector have them.
var fastModels = map[string]int{"small_input": 154, "large_input": 3 * 640 * 640}

const fastConfig = `name: "%s"
backend: "python"
max_batch_size: 0
input [ { name: "in" data_type: TYPE_FP32 dims: [ %d ] } ]
output [ { name: "out" data_type: TYPE_FP32 dims: [ 512 ] } ]
instance_group [ { count: 4 kind: KIND_CPU } ]
`

const fastProfile = `{"compute_ms": {"1": 0.001}, "memory_mib": 1, "load_ms": 1}`

// fastServer starts it and returns its addresses.
func fastServer(t *testing.T, binary string) (grpc, http string) {
	t.Helper()
	dir := t.TempDir()
	for model, elements := range fastModels {
		for name, text := range map[string]string{"config.pbtxt": fmt.Sprintf(fastConfig, model, elements), "profile.json": fastProfile, "1/model.py": ""} {
			path := filepath.Join(dir, model, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(binary, "simulate", "--repository", dir, "--variation", "0")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it ends by the signal
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch f := strings.Fields(lines.Text()); f[0] {
		case "grpc":
			grpc = f[1]
		case "http":
			http = f[1]
		case "metrics":
			return grpc, http
		}
	}
	t.Fatal("the simulated server did not start")
	return "", ""
}

// loadClient is a program that offers a closed loop to a model.
type loadClient struct {
	name, program string
	arguments     func(model string) []string
	// rate finds the throughput that it reports, requests a second.
	rate func(t *testing.T, output string) float64
}

var analyzerRate = regexp.MustCompile(`Throughput: ([0-9.]+) infer/sec`)

func reported(t *testing.T, output string, pattern *regexp.Regexp) float64 {
	t.Helper()
	all := pattern.FindAllStringSubmatch(output, -1)
	if len(all) == 0 {
		t.Fatalf("no throughput in\n%s", output)
	}
	rate, err := strconv.ParseFloat(all[len(all)-1][1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return rate
}

// loadClients are ours and those that are there. Each sends through four callers.
func loadClients(t *testing.T, binary, grpc, seconds string) []loadClient {
	t.Helper()
	db := filepath.Join(t.TempDir(), "run.db")
	clients := []loadClient{{
		name: "tritonsweep", program: binary,
		arguments: func(model string) []string {
			return []string{"bench", "--model", model, "--grpc-url", grpc, "--concurrency", "4", "--duration", seconds + "s",
				"--precision", "0.0001", "--input", "zeros", "--format", "json", "--db", db}
		},
		rate: func(t *testing.T, output string) float64 {
			var made struct {
				Point struct {
					Verdict    string
					Reasons    []string
					Throughput *struct{ Value float64 } `json:"throughput_per_s"`
				}
			}
			if err := json.Unmarshal([]byte(output[strings.Index(output, "{"):strings.LastIndex(output, "}")+1]), &made); err != nil {
				t.Fatalf("%v in\n%s", err, output)
			}
			if made.Point.Throughput == nil {
				fmt.Printf("  (tritonsweep: %s %v)\n", made.Point.Verdict, made.Point.Reasons)
				return 0
			}
			return made.Point.Throughput.Value
		},
	}}
	if program, err := exec.LookPath(cmp.Or(os.Getenv("PERF_ANALYZER"), "perf_analyzer")); err == nil {
		clients = append(clients, loadClient{
			name: "perf_analyzer", program: program,
			arguments: func(model string) []string {
				return []string{"-m", model, "-i", "grpc", "-u", grpc, "--concurrency-range", "4", "-p", "2000", "-s", "999", "-r", "3", "--input-data", "zero"}
			},
			rate: func(t *testing.T, output string) float64 { return reported(t, output, analyzerRate) },
		})
	}
	if program, err := exec.LookPath(cmp.Or(os.Getenv("GHZ"), "ghz")); err == nil {
		protoset, requests := ghzFiles(t)
		clients = append(clients, loadClient{
			name: "ghz", program: program,
			arguments: func(model string) []string {
				return []string{"--insecure", "--protoset", protoset, "--call", "inference.GRPCInferenceService.ModelInfer",
					"--binary-file", requests[model], "-c", "4", "-z", seconds + "s", "--duration-stop", "wait", "-O", "summary", grpc}
			},
			rate: func(t *testing.T, output string) float64 {
				return reported(t, output, regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`))
			},
		})
	}
	return clients
}

// ghzFiles writes the service's description and one request for each model.
func ghzFiles(t *testing.T) (protoset string, requests map[string]string) {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		protodesc.ToFileDescriptorProto(tritonpb.File_model_config_proto), protodesc.ToFileDescriptorProto(service.File_grpc_service_proto),
	}}
	dir := t.TempDir()
	write := func(name string, message proto.Message) string {
		data, err := proto.Marshal(message)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	requests = map[string]string{}
	for model, elements := range fastModels {
		requests[model] = write(model, &service.ModelInferRequest{
			ModelName:        model,
			Inputs:           []*service.ModelInferRequest_InferInputTensor{{Name: "in", Datatype: "FP32", Shape: []int64{int64(elements)}}},
			RawInputContents: [][]byte{make([]byte, 4*elements)},
		})
	}
	return write("service.protoset", set), requests
}

// TestProofClient offers the same closed loops to one fast server with our client,
// perf_analyzer and ghz, in turns, and compares CPU a request and rate.
// TRITONSWEEP_PROOF_CLIENT is the number of turns.
func TestProofClient(t *testing.T) {
	turns, err := strconv.Atoi(os.Getenv("TRITONSWEEP_PROOF_CLIENT"))
	if err != nil {
		t.Skip("a proof: make proof-client")
	}
	binary := build(t)
	grpc, http := fastServer(t, binary)
	clients := loadClients(t, binary, grpc, cmp.Or(os.Getenv("TRITONSWEEP_PROOF_SECONDS"), "6"))
	fmt.Printf("%-12s %-14s %16s %16s   (the best of %d turns, and all)\n", "input", "client", "CPU a request", "requests/s", turns)
	for _, model := range slices.Sorted(slices.Values([]string{"small_input", "large_input"})) {
		costs, rates := map[string][]float64{}, map[string][]float64{}
		for range turns {
			for _, c := range clients {
				before := successesAt(t, http, model)
				used, output := runClient(t, c.program, c.arguments(model)...)
				costs[c.name] = append(costs[c.name], perRequest(used, successesAt(t, http, model)-before))
				rates[c.name] = append(rates[c.name], c.rate(t, output))
			}
		}
		for _, c := range clients {
			fmt.Printf("%-12s %-14s %13.0f us %16.0f   %.0f %.0f\n", model, c.name, slices.Min(costs[c.name]), slices.Max(rates[c.name]), costs[c.name], rates[c.name])
		}
		if theirs := rates["perf_analyzer"]; len(theirs) > 0 {
			cpu, rate := slices.Min(costs["tritonsweep"])/slices.Min(costs["perf_analyzer"]), slices.Max(rates["tritonsweep"])/slices.Max(theirs)
			fmt.Printf("%-12s %-14s %13.2f at most %.1f, %9.2f at least %.1f\n", model, "ratio", cpu, mostCPURatio, rate, leastRateGain)
			if cpu > mostCPURatio {
				t.Errorf("%s: our client takes %.2f of perf_analyzer's CPU, at most %.1f is allowed", model, cpu, mostCPURatio)
			}
			if rate < leastRateGain {
				t.Errorf("%s: our client's rate is %.2f of perf_analyzer's, at least %.1f is demanded", model, rate, leastRateGain)
			}
		}
	}
	if len(clients) < 3 {
		t.Errorf("perf_analyzer and ghz were not both found: nothing was proved against what is missing")
	}
}

// runClient runs a program to its end.
func runClient(t *testing.T, program string, arguments ...string) (spent, string) {
	t.Helper()
	cmd := exec.Command(program, arguments...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	begin := time.Now()
	err := cmd.Run()
	if exit := cmd.ProcessState.ExitCode(); exit != exitOK && exit != exitSome {
		t.Fatalf("%s %v: %v\n%s%s", program, arguments, err, &out, &errors)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return spent{
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: usage.Maxrss << 10, elapsed: time.Since(begin),
	}, out.String()
}
