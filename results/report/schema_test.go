package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"tritonsweep/results"
)

var moduleRoot, _ = filepath.Abs("../..") // before any test changes the folder

// reflectSchema makes a schema from Go types and the comments on their fields.
func reflectSchema(t *testing.T, id string, v any) []byte {
	t.Helper()
	t.Chdir(moduleRoot) // comments are found by the paths of packages in the module
	r := &jsonschema.Reflector{Anonymous: true, AllowAdditionalProperties: true}
	for _, dir := range []string{"results/report", "results/pareto", "results", "sweep", "tritonconfig"} {
		if err := r.AddGoComments("tritonsweep", "./"+dir); err != nil {
			t.Fatal(err)
		}
	}
	schema := r.Reflect(v)
	schema.ID = jsonschema.ID(id)
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func TestSchemaIsThatOfTheTypes(t *testing.T) {
	golden, err := filepath.Abs("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	got := reflectSchema(t, "urn:tritonsweep:report:1", &Report{})
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(Schema), string(got)); diff != "" {
		t.Errorf("schema.json is old (hint: go test ./results/report -update) (-file +types):\n%s", diff)
	}
}

func TestEveryReportKeepsTheSchema(t *testing.T) {
	document, err := validator.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource("report.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, build := range samples {
		s := build()
		var out bytes.Buffer
		if err := s.report().JSON(&out); err != nil {
			t.Fatal(err)
		}
		value, err := validator.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		value.(map[string]any)["models"].([]any)[0].(map[string]any)["points"] = "none"
		if schema.Validate(value) == nil {
			t.Errorf("%s: the schema allows points that are no list", name)
		}
	}
}

// The documentation names every field of a report, a record and a run.
func TestDocumentationIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moduleRoot, "docs", "record-schema.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}
	for _, v := range []any{&Report{}, &Bench{}, &results.Record{}, &results.Run{}} {
		for _, field := range fieldNames(t, reflectSchema(t, "urn:x", v)) {
			if !documented[field] {
				t.Errorf("%T: docs/record-schema.md does not name `%s`", v, field)
			}
		}
	}
	for _, build := range samples {
		s := build()
		for _, f := range s.report().Footnotes {
			if !documented[f.Kind] {
				t.Errorf("docs/record-schema.md does not name the footnote kind `%s`", f.Kind)
			}
		}
	}
	if strings.Contains(string(text), "\t") {
		t.Error("docs/record-schema.md holds tabs")
	}
}

func fieldNames(t *testing.T, schema []byte) []string {
	t.Helper()
	var doc struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(schema, &doc); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, def := range doc.Defs {
		names = append(names, sortedKeys(def.Properties)...)
	}
	if len(names) < 10 {
		t.Fatalf("a schema with the fields %v only", names)
	}
	return names
}
