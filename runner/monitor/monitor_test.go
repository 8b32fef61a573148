package monitor

import (
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

var update = flag.Bool("update", false, "write the golden page anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a monitor of a run with names that try to break out.
func watched(t *testing.T) *Monitor {
	t.Helper()
	space := sweep.Space{Model: "face", Settings: sweep.Delays([]int{0, 2000}), Loads: sweep.Closed([]int{1, 8}, []int{1})}
	plan, err := sweep.NewPlan("queue-delay", []sweep.Space{space}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	m := New(results.Run{ID: "20261123-093000-k3qp", Start: start, Plan: plan}, "0.1.0")
	m.now = func() time.Time { return start.Add(time.Minute) }
	return m
}

func record(delay uint64, concurrency int, verdict results.Verdict) results.Record {
	return results.Record{
		Model: "face\"\\\n\xff", Settings: tritonconfig.Settings{MaxQueueDelay: &delay}, Verdict: verdict,
		Load: sweep.Load{Concurrency: concurrency, BatchSize: 1},
		Client: results.Client{
			Requests: 100, Errors: map[string]int64{"Unavailable": 2},
			Throughput: &results.Estimate{Value: 50, Low: 45, High: 55},
			P95:        &results.Estimate{Value: 20, Low: 19, High: 22},
		},
		Server: &results.Server{AverageBatch: 3.5},
		Stages: []results.Stage{{Name: "detect", Mean: 2.5}},
	}
}

func TestPage(t *testing.T) {
	m := watched(t)
	trial := m.run.Plan.Trials[0]
	m.Event(runner.Event{Step: runner.Measuring, Trial: trial, Load: trial.Loads[0]})
	m.Event(runner.Event{Step: runner.Warning, Text: "x"})
	ok, void := record(2000, 8, results.OK), record(0, 8, results.Void)
	m.Event(runner.Event{Step: runner.Recorded, Trial: trial, Record: &void, Points: 1})
	m.Event(runner.Event{Step: runner.Recorded, Trial: trial, Record: &ok, Points: 2})
	var out strings.Builder
	if _, err := m.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "page.prom")
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-file +page, hint: -update):\n%s", diff)
	}
}

// Prometheus's own reader takes every page, also the first and one of a huge run.
func TestPagesAreValid(t *testing.T) {
	m := watched(t)
	for n := range 2 * mostPoints {
		var out strings.Builder
		if n < 3 || n == 2*mostPoints-1 {
			_, _ = m.WriteTo(&out)
			parser := expfmt.NewTextParser(model.LegacyValidation)
			families, err := parser.TextToMetricFamilies(strings.NewReader(out.String()))
			if err != nil {
				t.Fatalf("after %d points: %v", n, err)
			}
			if series := len(families["tritonsweep_average_batch"].GetMetric()); series != min(n, mostPoints) {
				t.Errorf("after %d points: %d series", n, series)
			}
		}
		r := record(uint64(n), 1, results.Noisy)
		m.Event(runner.Event{Step: runner.Recorded, Record: &r, Points: n + 1})
	}
	m.Event(runner.Event{Step: runner.Done})
	var out strings.Builder
	_, _ = m.WriteTo(&out)
	if !strings.Contains(out.String(), "tritonsweep_restored 1\n") {
		t.Error("the restored config is not told")
	}
}

func TestListen(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "example.com:80", ":9464", "nowhere", "[::]:0"} {
		if s, err := Listen(address, false); err == nil {
			_ = s.Close()
			t.Errorf("%s was accepted", address)
		}
	}
	s, err := Listen("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	m := watched(t)
	s.Serve(m)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			response, err := http.Get(s.URL())
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != 200 || !strings.Contains(string(body), "tritonsweep_points_planned 8") {
				t.Errorf("%s: %s", response.Status, body)
			}
		})
		r := record(1, 1, results.OK)
		m.Event(runner.Event{Step: runner.Recorded, Record: &r, Points: 1})
	}
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	second, err := Listen(s.listener.Addr().String(), true)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// The dashboard of a run asks for nothing that the page does not have.
func TestTheDashboardKnowsThePage(t *testing.T) {
	board, err := os.ReadFile("../../examples/grafana/dashboards/tritonsweep.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("testdata", "page.prom"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\btritonsweep_\w+`).FindAllString(string(board), -1)
	if len(names) < 10 {
		t.Fatalf("the dashboard asks for %v", names)
	}
	for _, name := range names {
		if !strings.Contains(string(page), "# TYPE "+name+" ") {
			t.Errorf("the page has no %s", name)
		}
	}
}
