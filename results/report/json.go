package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// Schema is the JSON Schema (2020-12) of the JSON view.
//
//go:embed schema.json
var Schema []byte

// JSON writes the whole report. docs/record-schema.md tells about its fields.
// Characters that could steer a terminal are escaped, so the document can be
// printed on one.
func (r *Report) JSON(w io.Writer) error { return writeJSON(w, r) }

// writeJSON writes a document for people and programs.
func writeJSON(w io.Writer, document any) error {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return err
	}
	_, err := w.Write(escapeSteering(buffer.Bytes()))
	return err
}

// escapeSteering replaces what steers a terminal by \u escapes. Outside of
// strings JSON holds no such character but the line feed.
func escapeSteering(document []byte) []byte {
	out := make([]byte, 0, len(document))
	for _, r := range string(document) {
		if r != '\n' && steers(r) && r <= 0xffff {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
