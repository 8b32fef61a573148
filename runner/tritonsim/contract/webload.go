package contract

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tritonsweep/internal/tritonpb"
)

// loadOverHTTP asks for loads that are refused, and the old config goes on.
func loadOverHTTP(t *testing.T, g Target, original *tritonpb.ModelConfig) {
	inForce := g.http(t, http.MethodGet, "/v2/models/"+Model+"/config", "").body
	const path = "/v2/repository/models/" + Model + "/load"
	for _, test := range []struct{ name, body, text string }{
		{"no JSON", "{", "failed to parse the request JSON buffer: ..."},
		{"config a number", `{"parameters":{"config":5}}`, "attempt to access JSON non-string as string"},
		{"another parameter", `{"parameters":{"own":"x"}}`, "unexpected error on creating Triton parameter"},
		{"config empty", override(""), notPolled},
		{"text format", override("max_batch_size: 4"), notPolled},
		{"fraction", override(strings.Replace(inForce, ":15000", ":1.5", 1)), notPolled},
		{"negative delay", override(strings.Replace(inForce, ":15000", ":-5", 1)), notPolled},
		{"unknown field", override(strings.Replace(inForce, "{", `{"nonsense":1,`, 1)), notPolled},
		{"another name", override(strings.Replace(inForce, Model, "other", 1)), notPolled},
	} {
		t.Run(test.name, func(t *testing.T) {
			g.http(t, http.MethodPost, path, test.body).requireError(t, 500, "application/json", test.text)
		})
	}
	for _, body := range []string{"", "{}", "[]"} {
		if got := g.http(t, http.MethodPost, path, body); got != (page{200, "application/json", ""}) {
			t.Errorf("%q: %+v", body, got)
		}
	}
	requireConfig(t, g, original)
}

const notPolled = "failed to load '" + Model + "', failed to poll from model repository"

func override(config string) string {
	text, _ := json.Marshal(map[string]any{"parameters": map[string]string{"config": config}})
	return string(text)
}
