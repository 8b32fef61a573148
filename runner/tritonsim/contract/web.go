package contract

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	inferPath  = "/v2/models/" + Model + "/infer"
	headLength = "Inference-Header-Content-Length"
)

// webRequest is an inference request over HTTP.
type webRequest struct {
	path    string // inferPath when empty
	head    string // the JSON
	tensors []byte // behind it
	// length is what the header says of the JSON's length: empty for the truth,
	// "-" for no header.
	length string
	header http.Header
}

// send posts a request. The answer's tensors are in its second result.
func (g Target) send(t *testing.T, r webRequest) (answer page, head http.Header, tensors []byte) {
	t.Helper()
	body := append([]byte(r.head), r.tensors...)
	if r.header.Get("Content-Encoding") == "gzip" {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(body)
		z.Close()
		body = packed.Bytes()
	}
	path := r.path
	if path == "" {
		path = inferPath
	}
	q, err := http.NewRequestWithContext(limited(t), http.MethodPost, "http://"+g.HTTP+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range r.header {
		q.Header[name] = values
	}
	switch {
	case r.length != "" && r.length != "-":
		q.Header.Set(headLength, r.length)
	case r.tensors != nil && r.length == "":
		q.Header.Set(headLength, strconv.Itoa(len(r.head)))
	}
	answer, head, err = do(q, &http.Transport{DisableKeepAlives: true, DisableCompression: true})
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(answer.body)
	if head.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if text, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	at := len(text)
	if length := head.Get(headLength); length != "" {
		if at, err = strconv.Atoi(length); err != nil || at > len(text) {
			t.Fatalf("the JSON is said to have %s of %d bytes", length, len(text))
		}
	}
	answer.body = string(text[:at])
	return answer, head, text[at:]
}

// spelled is the JSON of a request for items whose first elements are 1, 2 and
// so on, spelled out.
func spelled(items int, more string) string {
	values := make([]string, items*inputElements)
	for i := range values {
		values[i] = "0"
	}
	for i := range items {
		values[i*inputElements] = fmt.Sprint(i + 1)
	}
	return fmt.Sprintf(`{"inputs":[{"name":"input","datatype":"FP32","shape":[%d,3,112,112],"data":[%s]}]%s}`, items, strings.Join(values, ","), more)
}

// behind is the JSON of such a request with the tensor behind it.
func behind(items int, more string) webRequest {
	return webRequest{
		head: fmt.Sprintf(`{"inputs":[{"name":"input","shape":[%d,3,112,112],"datatype":"FP32","parameters":{"binary_data_size":%d}}]%s}`,
			items, items*inputElements*4, more),
		tensors: ask(items).RawInputContents[0],
	}
}

const (
	binaryOutput = `,"outputs":[{"name":"output","parameters":{"binary_data":true}}]`
	binaryAll    = `,"parameters":{"binary_data_output":true}`
)

// web asks for inference over HTTP in every form there is.
func web(t *testing.T, g Target) {
	const head = `{"model_name":"arcface_w600k_r50","model_version":"1","outputs":[{"name":"output","datatype":"FP32","shape":[%d,512],"parameters":{"binary_data_size":%d}}]}`
	packed := behind(2, binaryAll)
	packed.header = http.Header{"Content-Encoding": {"gzip"}, "Accept-Encoding": {"gzip"}}
	for _, test := range []struct {
		name    string
		request webRequest
		items   int
		id      string
	}{
		{"all in binary", behind(3, binaryAll), 3, ""},
		{"an output in binary", behind(2, `,"id":"abc"`+binaryOutput), 2, `"id":"abc",`},
		{"spelled out", webRequest{head: spelled(2, binaryOutput)}, 2, ""},
		{"a version", webRequest{head: spelled(1, binaryOutput), path: "/v2/models/" + Model + "/versions/1/infer"}, 1, ""},
		{"compressed", packed, 2, ""},
		{"nothing but the tensor", webRequest{tensors: ask(1).RawInputContents[0], length: "0"}, 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, header, raw := g.send(t, test.request)
			text := fmt.Sprintf(head, test.items, test.items*outputElements*4)
			want := page{200, "application/octet-stream", strings.Replace(text, "{", "{"+test.id, 1)}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(page{})); diff != "" {
				t.Fatal(diff)
			}
			var firstsWanted []float32
			for i := range test.items {
				firstsWanted = append(firstsWanted, float32(i+1))
			}
			if len(raw) != test.items*outputElements*4 || !slices.Equal(firsts(raw, test.items), firstsWanted) {
				t.Errorf("%d bytes, items begin with %v", len(raw), firsts(raw, test.items))
			}
			if packed := test.request.header != nil; packed != (header.Get("Content-Encoding") == "gzip") {
				t.Errorf("content encoding %q", header.Get("Content-Encoding"))
			}
		})
	}
	t.Run("answer spelled out", func(t *testing.T) {
		got, _, _ := g.send(t, behind(2, ""))
		want := `{"model_name":"arcface_w600k_r50","model_version":"1","outputs":[{"name":"output","datatype":"FP32","shape":[2,512],"data":[1.0,0.0,0.0,`
		if got.code != 200 || got.contentType != "application/json" || !strings.HasPrefix(got.body, want) {
			t.Fatalf("%d %s %.300s", got.code, got.contentType, got.body)
		}
		var answer struct{ Outputs []struct{ Data []float32 } }
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || len(answer.Outputs[0].Data) != 2*outputElements || answer.Outputs[0].Data[outputElements] != 2 {
			t.Errorf("%v: %.300s", err, got.body)
		}
	})
	t.Run("counted", func(t *testing.T) { webCounts(t, g) })
}

// webCounts: a request is counted alike, whatever it came by.
func webCounts(t *testing.T, g Target) {
	c := g.client(t)
	before, _ := read(t, c)
	g.send(t, behind(5, binaryAll))
	after, _ := read(t, c)
	delta, err := after.Sub(before)
	if err != nil || delta.Success.Count != 1 || delta.Inferences != 5 {
		t.Errorf("%v: %d requests, %d items", err, delta.Success.Count, delta.Inferences)
	}
}

// nowhere asks for what is not there.
func nowhere(t *testing.T, g Target) {
	for _, test := range []struct {
		method, path string
		code         int
		text         string
	}{
		{"GET", "/v2/nothing", 404, "Not Found"},
		{"GET", "/v2/models", 404, "Not Found"},
		{"GET", "/v2/models/" + Model + "/versions/x", 404, "Not Found"},
		{"POST", "/v2/models/" + Model + "/versions/x/infer", 404, "Not Found"},
		{"GET", inferPath, 405, "Method Not Allowed"},
		{"GET", "/v2/repository/index", 405, "Method Not Allowed"},
		{"GET", "/v2/models/" + Model + "/versions/7/stats", 400, "requested model version is not available for model '" + Model + "'"},
		{"GET", "/v2/models/" + Model + "/versions/7", 404, "Request for unknown model: '" + Model + "' version 7 is not found"},
	} {
		got, err := g.fetch(context.WithoutCancel(t.Context()), test.method, test.path, "")
		if want := `{"error":"` + test.text + `"}`; err != nil || got.code != test.code || got.body != want {
			t.Errorf("%s %s: %v, %+v\nwant %d %s", test.method, test.path, err, got, test.code, want)
		}
	}
}
