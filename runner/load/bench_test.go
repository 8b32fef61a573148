package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tritonsweep/internal/tritonpb/service"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// echoVariable makes the test binary an echo server instead of a test run: the
// client's CPU can only be told apart in a process of its own.
const echoVariable = "TRITONSWEEP_LOAD_ECHO"

func TestMain(m *testing.M) {
	if os.Getenv(echoVariable) != "" {
		if err := serveEcho(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// serveEcho answers every request at once and prints its address. It ends when
// its standard input does, so that it cannot outlive the benchmark.
func serveEcho() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g := grpc.NewServer(grpc.MaxRecvMsgSize(1<<30), grpc.ForceServerCodecV2(rawEcho{answer: answerTo(benchModel(4), 1)}))
	service.RegisterGRPCInferenceServiceServer(g, &server{infer: func(context.Context, *service.ModelInferRequest) (*service.ModelInferResponse, error) {
		return nil, nil
	}})
	fmt.Println(listener.Addr())
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString(0)
		g.Stop()
	}()
	return g.Serve(listener)
}

// benchModel has an input of some FP32 elements, and answers of 2 kB.
func benchModel(elements int64) Model {
	m := testModel()
	m.Inputs[0].Shape = []int64{elements}
	m.Outputs[0] = Tensor{Name: "out", Datatype: "FP32", Shape: []int64{512}}
	return m
}

// BenchmarkClient measures the client alone: the CPU of this process for one
// request, against a server in another process that answers at once; and gRPC-Go
// beside it, which it replaces.
//
//	go test -run '^$' -bench Client ./runner/load
func BenchmarkClient(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	command := exec.Command(self)
	command.Env = append(os.Environ(), echoVariable+"=1")
	input, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		input.Close()
		if err := command.Wait(); err != nil {
			b.Error(err)
		}
	}()
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int64{616, 4_915_200} {
		r := request(b, benchModel(size/4), Data{}, 1)
		for _, callers := range []int{1, 4, 64} {
			for _, processors := range []int{1, runtime.NumCPU()} {
				name := fmt.Sprintf("bytes=%d/callers=%d/processors=%d", size, callers, processors)
				measure := func(b *testing.B, t Transport) {
					before := runtime.GOMAXPROCS(processors)
					defer runtime.GOMAXPROCS(before)
					benchmarkTransport(b, t, r, callers)
				}
				b.Run(name+"/wire", func(b *testing.B) { measure(b, dialTest(b, strings.TrimSpace(address), callers)) })
				b.Run(name+"/grpc-go", func(b *testing.B) { measure(b, dialLibrary(b, strings.TrimSpace(address))) })
			}
		}
	}
}

func benchmarkTransport(b *testing.B, t Transport, r *Request, callers int) {
	for i := range callers { // connect, and grow what grows
		if _, err := t.Infer(b.Context(), i, &r.payloads[0], false); err != nil {
			b.Fatal(err)
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	before := processUsage()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range callers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := t.Infer(b.Context(), i, &r.payloads[0], false); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	used := processUsage().since(before, b.Elapsed())
	b.ReportMetric(float64(used.cpu.Nanoseconds())/1e3/float64(b.N), "cpu-µs/req")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// library is gRPC-Go at its best for this purpose: an encoded request, an answer
// that is not decoded, large windows and buffers, no retries.
type library struct{ connection *grpc.ClientConn }

func dialLibrary(b *testing.B, address string) library {
	b.Helper()
	connection, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
		grpc.WithInitialWindowSize(8<<20), grpc.WithInitialConnWindowSize(64<<20), grpc.WithWriteBufferSize(1<<20),
		grpc.WithDefaultCallOptions(grpc.MaxRetryRPCBufferSize(0), grpc.MaxCallSendMsgSize(1<<30), grpc.MaxCallRecvMsgSize(1<<30)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { connection.Close() })
	return library{connection}
}

func (l library) Infer(ctx context.Context, _ int, p *Payload, _ bool) (Answer, error) {
	return Answer{}, l.connection.Invoke(ctx, service.GRPCInferenceService_ModelInfer_FullMethodName, l, l, grpc.ForceCodecV2(rawEcho{p.Bytes}))
}
