// Package contract holds what is true of every Triton: tests that run against
// the simulated server and against a real one alike. Where the two differ the
// real one is right.
//
// All of them use the example model arcface_w600k_r50. A Target says how to
// reach the server; what a test may do to it is said by its name:
//
//	Answers   asks and sends a few requests
//	Wrong     sends requests that are refused
//	Counters  sends requests that nobody else may send meanwhile
//	Refusals  writes configs and restarts the server
//	Lenient   does so on a server that goes on without a model it refused
//	SharedMemory maps memory of this machine, which the server must see
//	Control   loads and unloads, in explicit model control mode
package contract

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/internal/tritonpb/service"
	"tritonsweep/runner/triton"
)

// Model is the model that all tests use.
const Model = "arcface_w600k_r50"

// Target is a server under test.
type Target struct {
	// GRPC and HTTP are host:port; MetricsURL is the whole address.
	GRPC, HTTP, MetricsURL string
	// Models is the repository on this machine. Only Refusals and Control write
	// to it.
	Models string
	// Patience is how long a start that hangs is watched.
	Patience time.Duration
	// Limit lets the server have so many processes from now on. Only Refusals
	// needs it, as the last of all.
	Limit func(t *testing.T, processes int)
	// Restart starts the server anew, Stopped says why it ended, and Log what
	// it printed since. Only Refusals and Control need them.
	Restart func(ctx context.Context) error
	Stopped func(ctx context.Context) error
	Log     func(ctx context.Context, since time.Time) (string, error)
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func (g Target) client(t *testing.T) *triton.Client {
	t.Helper()
	c, err := triton.New(triton.Options{GRPCAddr: g.GRPC, MetricsURL: g.MetricsURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ready waits until the model can be asked.
func (g Target) ready(t *testing.T) {
	t.Helper()
	if err := g.client(t).WaitReady(limited(t), Model, triton.Wait{}); err != nil {
		t.Fatal(err)
	}
}

func (g Target) api(t *testing.T) service.GRPCInferenceServiceClient {
	t.Helper()
	return service.NewGRPCInferenceServiceClient(g.client(t).Conn())
}

// page is an HTTP answer.
type page struct {
	code        int
	contentType string
	body        string
}

// http asks until there is an answer: Triton opens its ports one after the
// other, HTTP after gRPC, and Docker's proxy accepts before any.
func (g Target) http(t *testing.T, method, path, body string) page {
	t.Helper()
	ctx := limited(t)
	for {
		answer, err := g.fetch(ctx, method, path, body)
		if err == nil {
			return answer
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (g Target) fetch(ctx context.Context, method, path, body string) (page, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+g.HTTP+path, strings.NewReader(body))
	if err != nil {
		return page{}, err
	}
	answer, _, err := do(request, &http.Transport{DisableKeepAlives: true})
	return answer, err
}

// do sends a request and reads the whole answer.
func do(request *http.Request, by *http.Transport) (page, http.Header, error) {
	client := http.Client{Transport: by}
	response, err := client.Do(request)
	if err != nil {
		return page{}, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return page{response.StatusCode, response.Header.Get("Content-Type"), string(text)}, response.Header, err
}

// requireStatus compares an error's gRPC code and its whole text.
func requireStatus(t *testing.T, err error, code codes.Code, text string) {
	t.Helper()
	if s := status.Convert(err); s.Code() != code || s.Message() != text {
		t.Errorf("got %s %q\nwant %s %q", s.Code(), s.Message(), code, text)
	}
}
