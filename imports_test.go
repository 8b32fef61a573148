package tritonsweep

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"os"
)

const module = "tritonsweep/"

// layers lists the top-level packages from the outside to the inside. A package
// imports its own layer and those that stand after it, never one before it.
//
// The example gateway is a program of its own, whose tests need the simulated
// server; the command's scripts run it.
var layers = []string{"cmd", "examples/pipeline", "runner", "results", "sweep", "tritonconfig", "internal", "examples"}

// confined lists the modules that one place alone may import, so that a
// successor can replace each in an afternoon.
var confined = map[string][]string{
	"github.com/docker/":       {"runner/docker"},
	"github.com/containerd/":   {"runner/docker"},
	"github.com/urfave/cli":    {"cmd/tritonsweep"},
	"google.golang.org/grpc":   {"runner", "internal/tritonpb/service", "examples/pipeline"},
	"modernc.org/sqlite":       {"results"},
	"github.com/goccy/go-yaml": {"cmd/tritonsweep", "sweep", "runner/pipeline"},
}

// pure lists what package trees must not import, tests aside.
var pure = map[string][]string{
	"sweep": {"os", "net", "net/http", "os/exec", "database/sql"},
}

// source is one Go file of the repository.
type source struct {
	dir  string
	file *ast.File
	test bool
	// functions are the names of those that a test file declares.
	functions []string
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "build") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(name), f, strings.HasSuffix(name, "_test.go"), functions(t, name)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files were found", len(all))
	}
	return all
}

var declaration = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

func functions(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range declaration.FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

func (s source) imports(t *testing.T) []string {
	var names []string
	for _, spec := range s.file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func layerOf(dir string) int {
	for i, layer := range layers {
		if dir == layer || strings.HasPrefix(dir, layer+"/") {
			return i
		}
	}
	return -1
}

func within(dir string, trees []string) bool {
	for _, tree := range trees {
		if dir == tree || strings.HasPrefix(dir, tree+"/") {
			return true
		}
	}
	return false
}

func TestImportsGoOneWay(t *testing.T) {
	for _, s := range sources(t) {
		from := layerOf(s.dir)
		for _, name := range s.imports(t) {
			if to, ours := strings.CutPrefix(name, module); ours && from >= 0 && layerOf(to) >= 0 && layerOf(to) < from {
				t.Errorf("%s imports %s: the arrow goes %s", s.dir, to, strings.Join(layers, " -> "))
			}
			for prefix, places := range confined {
				if strings.HasPrefix(name, prefix) && !within(s.dir, places) {
					t.Errorf("%s imports %s, which only %v may", s.dir, name, places)
				}
			}
			for tree, forbidden := range pure {
				if within(s.dir, []string{tree}) && !s.test && within(name, forbidden) {
					t.Errorf("%s imports %s, but %s is pure", s.dir, name, tree)
				}
			}
		}
	}
}

func TestEveryPackageHasOneDoc(t *testing.T) {
	docs := map[string]int{}
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name == "main" && s.dir != "cmd/tritonsweep" {
			continue
		}
		docs[s.dir] += 0
		if s.file.Doc != nil && s.dir != "internal/tritonpb/service" {
			docs[s.dir]++
		}
	}
	for dir, n := range docs {
		if n != 1 && dir != "internal/tritonpb/service" {
			t.Errorf("%s has %d package comments, want one", dir, n)
		}
	}
}

func TestTheCommandStaysThin(t *testing.T) {
	data, err := os.ReadFile("cmd/tritonsweep/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n >= 40 {
		t.Errorf("main.go has %d lines", n)
	}
}
