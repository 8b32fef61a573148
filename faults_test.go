package tritonsweep

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryFaultIsListed holds docs/faults.md to the tests: every row is there
// once, every test that a row names exists, one that is named after a row is
// named in it, and a row without a test says that it is open.
func TestEveryFaultIsListed(t *testing.T) {
	const rows = 69
	data, err := os.ReadFile("docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := declaredTests(t)
	text := string(data)
	name := regexp.MustCompile("`(Test\\w+)`")
	for row := 1; row <= rows; row++ {
		lines := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \|.*$`, row)).FindAllString(text, -1)
		if len(lines) != 1 {
			t.Errorf("row %d is there %d times", row, len(lines))
			continue
		}
		named := name.FindAllStringSubmatch(lines[0], -1)
		if open := strings.Contains(lines[0], "| open"); open == (len(named) > 0) {
			t.Errorf("row %d must either be open or name a test: %s", row, lines[0])
		}
		for _, n := range named {
			if !tests[n[1]] {
				t.Errorf("row %d names %s, which does not exist", row, n[1])
			}
		}
	}
	for test := range tests {
		if strings.HasPrefix(test, "TestFault") && !strings.Contains(text, "`"+test+"`") {
			t.Errorf("%s is not in docs/faults.md", test)
		}
	}
}

// declaredTests returns the names of all tests.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, n := range s.functions {
			names[n] = true
		}
	}
	return names
}
