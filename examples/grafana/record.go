package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// mostPage bounds a metrics page.
const mostPage = 16 << 20

// record scrapes a metrics page several times and writes the samples compactly:
// one line a series, its values in turn, "_" where it was absent. It is the
// format in which Prometheus's own tests load samples.
func record(url, file string, every time.Duration, count int) error {
	var pages []string
	for i := range count {
		if i > 0 {
			time.Sleep(every)
		}
		page, err := scrape(url)
		if err != nil {
			return err
		}
		pages = append(pages, page)
		fmt.Fprintf(os.Stderr, "\rscrape %d of %d ", i+1, count)
	}
	fmt.Fprintln(os.Stderr)
	return os.WriteFile(file, []byte(samples(pages, every)), 0o644)
}

func scrape(url string) (string, error) {
	response, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, mostPage))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, response.Status)
	}
	return string(data), err
}

// samples turns pages into lines.
func samples(pages []string, every time.Duration) string {
	values := map[string][]string{}
	var order []string
	for i, page := range pages {
		lines := bufio.NewScanner(strings.NewReader(page))
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			cut := strings.LastIndexByte(line, ' ')
			if cut < 0 || strings.HasPrefix(line, "#") {
				continue
			}
			series := strings.TrimSpace(line[:cut])
			if values[series] == nil {
				order = append(order, series)
			}
			for len(values[series]) < i {
				values[series] = append(values[series], "_")
			}
			values[series] = append(values[series], line[cut+1:])
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "load %s\n", every)
	for _, series := range order {
		fmt.Fprintf(&out, "  %s %s\n", series, strings.Join(values[series], " "))
	}
	return out.String()
}
