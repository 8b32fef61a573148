package nearest

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"queue-delay", "batch-size", "instances", "concurrency"}
	for word, want := range map[string]struct{ of, likely string }{
		"queue-dely":  {"queue-delay", "queue-delay"},
		"qeuue-delay": {"queue-delay", "queue-delay"},
		"instance":    {"instances", "instances"},
		"bench":       {"", ""},
		"xxxxxxxxxxx": {"", ""},
	} {
		if got := Of(word, known); want.of != "" && got != want.of {
			t.Errorf("Of(%q) = %q, want %q", word, got, want.of)
		}
		if got := Likely(word, known); got != want.likely {
			t.Errorf("Likely(%q) = %q, want %q", word, got, want.likely)
		}
	}
	models := []string{"scrfd", "arcface", "yolo"}
	for word, want := range map[string]string{"acrface": "arcface", "yolov11": "yolo", "scrdf": "scrfd", "": "yolo"} {
		if got := Of(word, models); got != want {
			t.Errorf("Of(%q) = %q, want %q", word, got, want)
		}
	}
	if Of("word", nil) != "" || Likely("word", nil) != "" {
		t.Error("a word out of nothing")
	}
}
