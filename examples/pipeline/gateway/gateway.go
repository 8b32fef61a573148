package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"tritonsweep/internal/tritonpb/service"
)

// Options say what to serve. Only Triton is required.
type Options struct {
	// Triton is HOST:PORT of the gRPC service.
	Triton string
	// Assume is how many faces and lines of text a picture has when the models
	// find none.
	Assume int
	// Limit is how many pictures may be under way; one more is answered 503. 0
	// means 512.
	Limit int
	// Workers is how many of them are worked on at a time, the others wait: it
	// bounds the memory, since a picture takes up to 60 MB as tensors, in
	// messages and in answers. 0 means 32.
	Workers int
	// Timeout is how long the models may take for one picture; 0 means 30 s.
	Timeout time.Duration
}

// Gateway answers requests. It is ready after New and must be closed.
type Gateway struct {
	options    Options
	connection *grpc.ClientConn
	triton     service.GRPCInferenceServiceClient
	places     chan struct{}
	workers    chan struct{}
}

// mostMessage is the largest answer taken from a model: a batch of SCRFD outputs
// passes gRPC's default of 4 MiB at five pictures.
const mostMessage = 256 << 20

// reconnect is quick, because a sweep restarts the server often.
var reconnect = backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}

// New prepares a gateway. It does not connect: an unreachable server shows in the
// answers and in /health.
func New(o Options) (*Gateway, error) {
	if o.Limit <= 0 {
		o.Limit = 512
	}
	if o.Workers <= 0 {
		o.Workers = 32
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	connection, err := grpc.NewClient(o.Triton,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 2 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostMessage), grpc.MaxCallSendMsgSize(mostMessage)))
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", o.Triton, err)
	}
	return &Gateway{
		options: o, connection: connection, triton: service.NewGRPCInferenceServiceClient(connection),
		places: make(chan struct{}, o.Limit), workers: make(chan struct{}, o.Workers),
	}, nil
}

// Close ends the connection to Triton.
func (g *Gateway) Close() error { return g.connection.Close() }

// Handler serves the routes.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", g.health)
	mux.HandleFunc("POST /v1/face", g.route(http.StatusOK, face))
	mux.HandleFunc("POST /v1/detection", g.route(http.StatusOK, detection))
	mux.HandleFunc("POST /v1/ingest", g.route(http.StatusCreated, ingest))
	mux.HandleFunc("POST /v1/analyze", g.route(http.StatusOK, analyze))
	return mux
}

// health answers 200 when every model is ready, else 503 with the first that is
// not.
func (g *Gateway) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	for _, model := range models {
		ready, err := g.triton.ModelReady(ctx, &service.ModelReadyRequest{Name: model})
		if err != nil || !ready.GetReady() {
			refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("model %s is not ready", model))
			return
		}
	}
	write(w, http.StatusOK, Answer{Status: "ok"})
}

// route wraps what a picture goes through: a place, reading, the work, the
// answer.
func (g *Gateway) route(success int, work func(context.Context, *job)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case g.places <- struct{}{}:
			defer func() { <-g.places }()
		default:
			w.Header().Set("Retry-After", "1")
			refuse(w, http.StatusServiceUnavailable, fmt.Sprintf("%d pictures are under way already", g.options.Limit))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), g.options.Timeout)
		defer cancel()
		j := &job{gateway: g, stages: newStages()}
		if err := j.wait(ctx); err != nil {
			refuse(w, http.StatusServiceUnavailable, "no worker became free in time")
			return
		}
		defer func() { <-g.workers }()
		if err := j.read(w, r); err != nil {
			refuse(w, err.code, err.text)
			return
		}
		work(ctx, j)
		answer := j.finish()
		w.Header().Set("Server-Timing", j.stages.header())
		write(w, answer.code(success), answer)
	}
}

// refuse answers with an error and nothing else.
func refuse(w http.ResponseWriter, code int, text string) {
	write(w, code, Answer{Status: "failed", Errors: map[string]string{"request": text}})
}

func write(w http.ResponseWriter, code int, a Answer) {
	body, err := json.Marshal(a)
	if err != nil { // a model answered with what is no number
		code = http.StatusBadGateway
		body, _ = json.Marshal(Answer{Status: "failed", Errors: map[string]string{"answer": err.Error()}})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // the client is gone: nothing to do about it
}
