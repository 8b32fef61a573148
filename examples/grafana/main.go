// Command grafana writes the dashboards of this folder: code is reviewed, tested
// and searched more easily than exported JSON. A dashboard is a list of panels
// with their queries; triton.go and tritonsweep.go hold them.
//
//	go run .                                          writes dashboards/*.json
//	go run . -record http://127.0.0.1:4602/metrics    writes testdata/triton.txt anew
//
// Only metrics that Triton really has are used. It has no latency histogram in
// its usual build, so there is no p99 panel: that is what tritonsweep measures.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// boards are all dashboards by the names of their files.
func boards() map[string]Dashboard {
	return map[string]Dashboard{"triton.json": tritonBoard(), "tritonsweep.json": tritonsweepBoard()}
}

// encode is what a file holds.
func encode(d Dashboard) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(d)
	return out.Bytes(), err
}

func main() {
	directory := flag.String("o", "dashboards", "write the dashboards into `DIR`")
	page := flag.String("record", "", "record the metrics page at `URL` instead")
	every := flag.Duration("every", 5*time.Second, "time between two scrapes of a recording")
	count := flag.Int("count", 24, "`N` scrapes of a recording")
	file := flag.String("to", "testdata/triton.txt", "`FILE` of the recording")
	flag.Parse()
	if err := run(*directory, *page, *file, *every, *count); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

func run(directory, page, file string, every time.Duration, count int) error {
	if page != "" {
		return record(page, file, every, count)
	}
	for name, board := range boards() {
		data, err := encode(board)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(directory, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
