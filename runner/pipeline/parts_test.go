package pipeline

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestServerTiming(t *testing.T) {
	for _, test := range []struct {
		header string
		want   []string
	}{
		{"db;dur=53, app;dur=47.2", []string{"db 53ms", "app 47.2ms"}},
		{`cache;desc="Cache, Read";dur=23.2`, []string{"cache 23.2ms"}},
		{`a;desc="quote \" , inside";dur="7"`, []string{"a 7ms"}},
		{"a ; DUR = 1 ; dur=2", []string{"a 1ms"}},
		{"missedCache", nil},
		{"a;dur=fast, b;dur=-1, c;dur=NaN, d;dur=1e300, e;dur=0", []string{"e 0s"}},
		{",,;;dur=3,", nil},
		{"", nil},
	} {
		var got []string
		for _, x := range serverTiming(http.Header{"Server-Timing": {test.header}}) {
			got = append(got, x.name+" "+x.took.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, want %v", test.header, got, test.want)
		}
	}
}

func FuzzServerTiming(f *testing.F) {
	f.Add(`a;dur=1, b;desc="x\",y";dur=2`)
	f.Add(`;dur=,"`)
	f.Fuzz(func(t *testing.T, header string) {
		for _, x := range serverTiming(http.Header{"Server-Timing": {header}}) {
			if x.name == "" || x.took < 0 || x.took > 24*time.Hour {
				t.Errorf("%q gives %+v", header, x)
			}
		}
	})
}

func FuzzLookup(f *testing.F) {
	f.Add([]byte(`{"a": [1, {"b": null}]}`), "a.1.b")
	f.Add([]byte(`[`), "0")
	f.Fuzz(func(t *testing.T, document []byte, path string) {
		_, _ = lookup(document, path)
		_ = jsonTimings(document, path)
		if text := short(document); strings.ContainsAny(text, "\n\x1b\x00") {
			t.Errorf("%q is not harmless", text)
		}
	})
}

// Whatever services tell, the memory for it is bounded and nothing is invented.
func TestStagesAreBounded(t *testing.T) {
	var s stages
	start := time.Unix(1000, 0)
	s.add(start, []timing{{"before the window", time.Second}})
	s.begin(start)
	for i := range 20 * mostBins {
		at := start.Add(time.Duration(i) * binWidth)
		s.add(at, []timing{{"steady", 5 * time.Millisecond}, {fmt.Sprint("name ", i), time.Millisecond}, {strings.Repeat("é", mostName), 0}})
	}
	s.add(start.Add(-time.Second), []timing{{"steady", time.Hour}})
	s.end()
	s.add(start.Add(time.Second), []timing{{"steady", time.Hour}})
	got := s.results()
	if len(got) != mostStages || got[0].Name != "steady" || got[0].Requests != 20*mostBins {
		t.Fatalf("%d stages, the first %+v", len(got), got[0])
	}
	if st := s.all["steady"]; len(st.counts) > mostBins || len(st.sums) > mostBins {
		t.Errorf("%d bins", len(st.counts))
	}
	if got[0].Interval == nil || got[0].P99 == nil || *got[0].P99 < 4.9 || *got[0].P99 > 5.1 {
		t.Errorf("%+v", got[0])
	}
	for _, stage := range got {
		if len(stage.Name) > mostName || strings.Contains(stage.Name, "before") {
			t.Errorf("stage %q", stage.Name)
		}
		if stage.Requests < 11 && stage.P50 != nil {
			t.Errorf("%d answers cannot tell a median", stage.Requests)
		}
	}
}

// Halving the bins loses nothing.
func TestHalvedKeepsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Float64Range(0, 1000)).Draw(t, "values")
		before := 0.0
		for _, v := range values {
			before += v
		}
		after := 0.0
		out := halved(slices.Clone(values))
		for _, v := range out {
			after += v
		}
		if len(out) != (len(values)+1)/2 || after < before-1e-6 || after > before+1e-6 {
			t.Fatalf("%d values with sum %g become %d with %g", len(values), before, len(out), after)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for says, text := range map[string]string{
		"no targets":                   "base: http://h",
		"unknown field":                "targets: {a: {url: http://h, colour: red}}",
		"targets.a is empty":           "targets: {a: }",
		"a.url: \"\" is no http":       "targets: {a: {method: GET}}",
		"is no http or https":          "targets: {a: {url: file:///etc/passwd}}",
		"it holds a password":          "targets: {a: {url: 'http://u:p@h/'}}",
		"only one of multipart, json":  "targets: {a: {url: http://h, json: {}, raw: {text: x}}}",
		"multipart.0: it needs":        "targets: {a: {url: http://h, multipart: [{field: x}]}}",
		"raw: it needs":                "targets: {a: {url: http://h, raw: {type: a/b}}}",
		"method: \"get it\" is none":   "targets: {a: {url: http://h, method: get it}}",
		"no json path to find it":      "targets: {a: {url: http://h, success: {equals: 1}}}",
		"goal: -1 requests":            "targets: {a: {url: http://h, goal: -1}}",
		"headers.X: only one of value": "targets: {a: {url: http://h, headers: {X: {env: A, file: b}}}}",
	} {
		spec, err := Parse([]byte(text))
		if err == nil {
			err = spec.Resolve("")
		}
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: error %v, want %q", text, err, says)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for says, target := range map[string]*Target{
		"there are none":              {URL: "http://h", Raw: &Raw{Files: "no/such/*"}},
		"syntax error in pattern":     {URL: "http://h", Raw: &Raw{Files: "["}},
		"the environment has no":      {URL: "http://h", Headers: map[string]Secret{"A": {Env: "NO_SUCH_VARIABLE_HERE"}}},
		"no such file":                {URL: "http://h", Headers: map[string]Secret{"A": {File: "no-such-file"}}},
		"the value has several lines": {URL: "http://h", Headers: map[string]Secret{"A": {Value: "a\r\nB: c"}}},
	} {
		if _, err := target.Encode(t.TempDir()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want %q", err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("targets:\n  a:\n    url: http://h/x\n    headers: {A: b, C: {env: D}}\n"))
	f.Add([]byte("targets: [1]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := Parse(data)
		if err != nil {
			return
		}
		_ = spec.Resolve("http://127.0.0.1")
	})
}
