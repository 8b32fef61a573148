package tritonsweep

import (
	"os"
	"regexp"
	"testing"
)

// TestEveryRuleIsListed holds the validity rules of docs/how-it-measures.md to the
// tests that are named after them, both ways.
func TestEveryRuleIsListed(t *testing.T) {
	data, err := os.ReadFile("docs/how-it-measures.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, named := declaredTests(t), regexp.MustCompile(`^TestRule[A-Z]`)
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("`(TestRule\\w+)`").FindAllStringSubmatch(string(data), -1) {
		if listed[m[1]] = true; !tests[m[1]] {
			t.Errorf("docs/how-it-measures.md names %s, which does not exist", m[1])
		}
	}
	for test := range tests {
		if named.MatchString(test) && !listed[test] {
			t.Errorf("%s is not in docs/how-it-measures.md", test)
		}
	}
}
