package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealTransports: the real server answers over every transport, what it
// counts is what the client counts, and no point is void.
func TestRealTransports(t *testing.T) {
	container, _ := realTriton(t)
	for _, transport := range []string{"grpc", "stream", "http"} { // the port of HTTP is the container's
		args := []string{
			"tritonsweep", "concurrency", "--model", "mobileclip2_s2_text_encoder", "--container", container,
			"--mode", "none", "--concurrency", "2", "--rate", "30", "--rounds", "1", "--duration", "2s",
			"--max-container-memory", "none", "--format", "json", "--db", filepath.Join(t.TempDir(), "run.db"), "--transport", transport,
		}
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, os.Stdin, &out, &errs); code != exitOK && code != exitSome {
			t.Fatalf("%s: exit code %d\n%s", transport, code, errs.String())
		}
		if !strings.Contains(out.String(), `"transport": "`+transport+`"`) || strings.Contains(out.String(), `"verdict": "failed"`) {
			t.Errorf("%s:\n%s", transport, out.String())
		}
		t.Logf("%s: %s", transport, errs.String())
	}
}
