package spec

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite the schema from the types")

var (
	moduleRoot, _ = filepath.Abs("../..") // before a test changes the folder
	specs         = filepath.Join(moduleRoot, "examples", "specs")
)

// reflected makes the schema from the types, the comments on their fields and
// what the texts of the types with a notation of their own look like.
func reflected(t *testing.T) []byte {
	t.Helper()
	t.Chdir(moduleRoot)
	r := &jsonschema.Reflector{
		Anonymous: true, FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Mapper: notation,
	}
	if err := r.AddGoComments("tritonsweep", "./sweep/spec"); err != nil {
		t.Fatal(err)
	}
	schema := r.Reflect(&Spec{})
	schema.ID = "urn:tritonsweep:spec:1"
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

// notation gives the schemas of the types that read several ways of writing.
func notation(of reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	number := &jsonschema.Schema{Type: "integer", Minimum: "0"}
	list := func(items *jsonschema.Schema) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "array", Items: items, MinItems: new(uint64(1))}
	}
	either := func(options ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: options} }
	const ranges = `^[0-9 .,/]+$`
	const sizes = `^[0-9 .,/;none]+$`
	switch of {
	case reflect.TypeFor[Numbers]():
		return either(number, text(ranges), list(either(number, text(ranges))))
	case reflect.TypeFor[Rates]():
		rate := &jsonschema.Schema{Type: "number", ExclusiveMinimum: "0"}
		return either(rate, text(ranges), list(either(rate, text(ranges))))
	case reflect.TypeFor[Sets]():
		set := either(text(sizes), list(either(number, text(ranges))))
		return either(text(sizes), list(set))
	case reflect.TypeFor[Values]():
		one := either(&jsonschema.Schema{Type: "string"}, &jsonschema.Schema{Type: "number"}, &jsonschema.Schema{Type: "boolean"})
		return either(one, list(either(one, list(one))))
	case reflect.TypeFor[Duration]():
		return text(`^([0-9.]+(ns|us|µs|ms|s|m|h))+$`)
	}
	return nil
}

func compiled(t *testing.T, data []byte) *validator.Schema {
	t.Helper()
	document, err := validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource("spec.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("spec.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// valid reports what the schema says of a YAML text.
func valid(t *testing.T, schema *validator.Schema, text []byte) error {
	t.Helper()
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	value, err := validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestSchemaIsThatOfTheTypes(t *testing.T) {
	got := reflected(t)
	golden := filepath.Join(specs, "schema.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("examples/specs/schema.json is old (hint: go test ./sweep/spec -update):\n%s", diff)
	}
}

// The reader and the schema take the same specs, and refuse the same.
func TestReaderAndSchemaAgree(t *testing.T) {
	schema := compiled(t, reflected(t))
	files, err := filepath.Glob(filepath.Join(specs, "*.yaml"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d specs, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(name, data); err != nil {
			t.Error(err)
		}
		if err := valid(t, schema, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tt := range refused {
		_, err := Read("spec.yaml", []byte(tt.text))
		if err == nil {
			t.Errorf("%q was read", tt.text)
		}
		if !tt.meaning && valid(t, schema, []byte(tt.text)) == nil {
			t.Errorf("the schema takes %q, the reader says: %v", tt.text, err)
		}
	}
}
