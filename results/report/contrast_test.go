package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Text has a contrast of 4.5 and more, marks in the chart of 3 and more, in the
// light and in the dark scheme: WCAG 2.2, criteria 1.4.3 and 1.4.11.
func TestContrast(t *testing.T) {
	light, dark, ok := strings.Cut(styleSheet, "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("the style sheet has no dark scheme")
	}
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colors := map[string]string{}
		for _, m := range regexp.MustCompile(`--([\w-]+): (#[0-9a-f]{3,6})`).FindAllStringSubmatch(css, -1) {
			if _, seen := colors[m[1]]; !seen {
				colors[m[1]] = m[2]
			}
		}
		check := func(front, back string, least float64) {
			if got := contrast(t, colors[front], colors[back]); got < least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", scheme, front, back, got, least)
			}
		}
		for _, name := range []string{"ink", "soft"} {
			check(name, "card", 4.5)
			check(name, "bg", 4.5)
			check(name, "code", 4.5)
		}
		for _, name := range []string{"accent", "good", "bad", "warn", "slo"} {
			check(name, "card", 4.5)
		}
		check("warn", "warn-soft", 4.5)
		check("ink", "accent-soft", 4.5)
		check("good", "accent-soft", 4.5)
		check("now", "card", 3)
		for i := range seriesColors + fewColors {
			check("k"+strconv.Itoa(i), "card", 3)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(color, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	if len(hex) != 6 {
		t.Fatalf("no colour: %q", color)
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
