package tritonsim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb/service"
)

// httpHandler serves the HTTP endpoints: health, metadata, config, statistics,
// inference and model control.
func (p *process) httpHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/health/live", func(w http.ResponseWriter, _ *http.Request) { plain(w, true, "") })
	mux.HandleFunc("GET /v2/health/ready", func(w http.ResponseWriter, _ *http.Request) { plain(w, p.serverReady(), "") })
	mux.HandleFunc("GET /v2", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, &service.ServerMetadataResponse{Name: "triton", Version: version251, Extensions: extensions}, nil)
	})
	for _, path := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		mux.HandleFunc("GET "+path+"/ready", func(w http.ResponseWriter, q *http.Request) {
			_, _, err := p.find(q.PathValue("model"), q.PathValue("version"))
			plain(w, err == nil, `{"error":"Model version not ready"}`)
		})
		mux.HandleFunc("GET "+path+"/stats", func(w http.ResponseWriter, q *http.Request) {
			r, err := p.statistics(q.PathValue("model"), q.PathValue("version"))
			reply(w, r, err)
		})
		mux.HandleFunc("POST "+path+"/infer", p.httpInfer)
		p.handleModel(mux, "GET "+path+"/config", func(m *model) proto.Message { return m.config })
		p.handleModel(mux, "GET "+path, func(m *model) proto.Message { return m.metadata() })
	}
	mux.HandleFunc("GET /v2/models/stats", func(w http.ResponseWriter, _ *http.Request) {
		r, err := p.statistics("", "")
		reply(w, r, err)
	})
	mux.HandleFunc("POST /v2/repository/index", func(w http.ResponseWriter, _ *http.Request) { p.httpIndex(w) })
	mux.HandleFunc("POST /v2/repository/models/{model}/load", p.httpLoad)
	mux.HandleFunc("POST /v2/repository/models/{model}/unload", func(w http.ResponseWriter, q *http.Request) {
		done(w, p.unload(q.PathValue("model")))
	})
	return orNothing(mux)
}

// orNothing answers in Triton's words where there is nothing: an unknown path, a
// version that is no number, another method.
func orNothing(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		handler, pattern := mux.Handler(q)
		code := statusOnly(http.StatusNotFound)
		if pattern == "" {
			handler.ServeHTTP(&code, q)
		} else if number := versionIn.FindStringSubmatch(q.URL.Path); number == nil || digits.MatchString(number[1]) {
			mux.ServeHTTP(w, q)
			return
		}
		if code != http.StatusMethodNotAllowed { // a path to be cleaned, for one
			code = http.StatusNotFound
		}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(int(code))
		w.Write([]byte(`{"error":"` + http.StatusText(int(code)) + `"}`))
	})
}

var (
	versionIn = regexp.MustCompile(`^/v2/models/[^/]+/versions/([^/]+)`)
	digits    = regexp.MustCompile(`^[0-9]+$`)
)

// statusOnly keeps of an answer its code.
type statusOnly int

func (s *statusOnly) Header() http.Header         { return http.Header{} }
func (s *statusOnly) Write(p []byte) (int, error) { return len(p), nil }
func (s *statusOnly) WriteHeader(code int)        { *s = statusOnly(code) }

func (p *process) handleModel(mux *http.ServeMux, pattern string, message func(*model) proto.Message) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, q *http.Request) {
		m, _, err := p.find(q.PathValue("model"), q.PathValue("version"))
		if err != nil {
			reply(w, nil, err)
			return
		}
		reply(w, message(m), nil)
	})
}

// plain answers a probe.
func plain(w http.ResponseWriter, ok bool, text string) {
	w.Header().Set("Content-Type", "text/plain")
	if ok {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.WriteHeader(http.StatusBadRequest)
	w.Write([]byte(text))
}

// reply answers with a message as JSON, or with an error.
func reply(w http.ResponseWriter, m proto.Message, err error) {
	if err != nil {
		replyError(w, "application/json", err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(marshalJSON(m))
}

// replyError answers with an error, which is JSON whatever its header says.
func replyError(w http.ResponseWriter, contentType string, err error) {
	text, _ := json.Marshal(map[string]string{"error": status.Convert(err).Message()})
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(httpCode(status.Code(err)))
	w.Write(text)
}

// done answers a call that returns nothing.
func done(w http.ResponseWriter, err error) {
	if err != nil {
		reply(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
}

func httpCode(code codes.Code) int {
	switch code {
	case codes.NotFound:
		return http.StatusNotFound
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.Unimplemented:
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}

// httpIndex lists the models; unlike the other answers it leaves out what is empty.
func (p *process) httpIndex(w http.ResponseWriter) {
	type row struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		State   string `json:"state,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}
	rows := []row{}
	for _, m := range p.index(false).Models {
		rows = append(rows, row{m.Name, m.Version, m.State, m.Reason})
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(rows)
}

// mostBody bounds the body of a load request, in bytes.
const mostBody = 4 << 20

func (p *process) httpLoad(w http.ResponseWriter, q *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, q.Body, mostBody))
	if err == nil && len(text) > 0 && !json.Valid(text) {
		err = errors.New("it is no JSON")
	}
	if err != nil {
		reply(w, nil, status.Errorf(codes.Internal, "failed to parse the request JSON buffer: %v", err))
		return
	}
	override := ""
	for name, value := range parseObject(parseObject(text)["parameters"]) {
		switch {
		case json.Unmarshal(value, &override) != nil:
			err = status.Error(codes.Internal, noString)
		case name != "config":
			err = status.Error(codes.Internal, "unexpected error on creating Triton parameter")
		case override == "":
			err = status.Errorf(codes.Internal, "failed to load '%s', failed to poll from model repository", q.PathValue("model"))
		}
		if err != nil {
			reply(w, nil, err)
			return
		}
	}
	done(w, p.load(q.PathValue("model"), override))
}
