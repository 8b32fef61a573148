package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

// store is a file of samples in memory.
type store struct {
	storage storage.Queryable
	text    string
	length  time.Duration
}

// load reads a file of testdata.
func load(t *testing.T, name string) *store {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	first, _, _ := strings.Cut(text, "\n")
	every, err := time.ParseDuration(strings.TrimPrefix(first, "load "))
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for _, line := range strings.Split(text, "\n") {
		values := line[strings.LastIndexByte(line, '}')+1:]
		longest = max(longest, len(strings.Fields(values)))
	}
	loaded := promqltest.LoadedStorage(t, text)
	return &store{loaded, text, time.Duration(max(longest, 20)) * every}
}
