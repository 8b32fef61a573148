package fidelity

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tritonsweep/results"
	"tritonsweep/results/forecast"
	"tritonsweep/sweep/calibration"
)

// mostRuns is how many runs a calibration may take.
const mostRuns = 5

// TestFidelity is make fidelity: it fails when a goal is missed.
//
//	TRITONSWEEP_FIDELITY         settings x loads to predict and measure, for each model (make fidelity: 24)
//	TRITONSWEEP_FIDELITY_OUTPUT  where records.jsonl and points.csv go
//	TRITONSWEEP_FIDELITY_REPLAY  a records.jsonl to look at again instead of measuring
//	TRITONSWEEP_FIDELITY_SEED    of the choice of points
//	TRITONSWEEP_FIDELITY_WINDOW  how long each point is measured (4s)
func TestFidelity(t *testing.T) {
	count, _ := strconv.Atoi(os.Getenv("TRITONSWEEP_FIDELITY"))
	if replay := os.Getenv("TRITONSWEEP_FIDELITY_REPLAY"); replay != "" {
		records := readRecords(t, replay)
		var verdicts []verdict
		for i := range shapes {
			if r := records[shapes[i].name]; len(r) > 0 {
				verdicts = append(verdicts, judge(t, &shapes[i], r, io.Discard))
			}
		}
		printVerdicts(verdicts)
		return
	}
	if count < 1 {
		t.Skip("measures for a quarter of an hour: make fidelity")
	}
	seed := uint64(time.Now().Unix())
	if text := os.Getenv("TRITONSWEEP_FIDELITY_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	window, err := time.ParseDuration(cmp.Or(os.Getenv("TRITONSWEEP_FIDELITY_WINDOW"), "4s"))
	if err != nil {
		t.Fatal(err)
	}
	output := cmp.Or(os.Getenv("TRITONSWEEP_FIDELITY_OUTPUT"), t.TempDir())
	b := newBench(t, output, seed)
	fmt.Printf("seed %d, load average %s before the first point\n", seed, loadAverage())
	table, err := os.Create(filepath.Join(output, "points.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	fmt.Fprintln(table, "model,point,throughput,predicted,off_percent,p95_ms,predicted_p95_ms,off_percent,batch,predicted_batch,must_measure")
	var verdicts []verdict
	for i := range shapes {
		s := &shapes[i]
		t.Run(s.name, func(t *testing.T) {
			b.load(t, s.name)
			// A model that was just loaded is slower for some seconds: the first run
			// is not looked at. Calibration is long, since everything rests on it.
			b.measure(t, "warm-up", s.calibrationTrials()[:1], window)
			records := b.measure(t, "calibration", s.calibrationTrials(), 2*window)
			unseen := s.unseenTrials(count, rand.New(rand.NewPCG(seed, uint64(i))))
			records = append(records, b.measure(t, "unseen", unseen, window)...)
			records = append(records, b.measure(t, again, backwards(unseen), window)...)
			verdicts = append(verdicts, judge(t, s, records, table))
		})
	}
	printVerdicts(verdicts)
}

// judge calibrates from the records of the run "calibration", predicts the
// others, prints the errors and fails when they are above the goals.
func judge(t *testing.T, s *shape, records []results.Record, table io.Writer) verdict {
	t.Helper()
	var calibrate, unseen, second, control []results.Record
	for _, r := range records {
		switch {
		case r.Run == "warm-up":
		case r.Run == "calibration":
			calibrate = append(calibrate, r)
		case r.Control:
			control = append(control, r)
		case r.Run == again:
			second = append(second, r)
		default:
			unseen = append(unseen, r)
		}
	}
	runs, skipped := forecast.Runs(calibrate, s.name)
	if len(runs) > mostRuns || len(runs) == 0 {
		t.Fatalf("%d calibration runs, skipped %q", len(runs), skipped)
	}
	c, err := calibration.Fit(runs, 1)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\n%s: %v\n", s.name, &c.Best)
	for _, r := range c.Residuals {
		fmt.Printf("  calibrated from %-60s %7.1f/s (%+.1f %%), p95 %6.2f ms (%+.1f %%)\n", r.Run, r.Throughput, 100*r.ThroughputOff, 1e3*r.P95, 100*r.P95Off)
	}
	for _, note := range append(c.Notes, skipped...) {
		fmt.Println("  note:", note)
	}
	all, err := pairs(c, unseen)
	if err != nil {
		t.Fatal(err)
	}
	v := verdict{name: s.name, goals: s.goals, runs: len(runs), points: len(all)}
	v.repeated(all, second)
	for i := range all {
		p := &all[i]
		fmt.Printf("  %-52s %7.1f/s%s predicted %7.1f (%+6.1f %%)  p95 %s  batch %5.2f / %5.2f  %s\n",
			p.what, p.x, p.apartText(), p.simX, p.offX(), p.p95Text(), p.batch, p.simBatch, p.marked)
		fmt.Fprintf(table, "%s,%q,%.2f,%.2f,%.2f,%.3f,%.3f,%.2f,%.3f,%.3f,%q\n",
			s.name, p.what, p.x, p.simX, p.offX(), p.p95, p.simP95, p.offP95(), p.batch, p.simBatch, p.marked)
	}
	v.x, v.p95 = sumUpBoth(all)
	for i := range all {
		if all[i].simX > all[i].x {
			v.high++
		}
	}
	sure := slices.DeleteFunc(slices.Clone(all), func(p pair) bool { return p.marked != "" })
	v.sure = len(sure)
	v.sureX, v.sureP95 = sumUpBoth(sure)
	v.itself(records, control)
	for _, miss := range v.goals.missed(v.x, v.p95) {
		t.Errorf("%s: %s", s.name, miss)
	}
	return v
}

// readRecords returns the records of an earlier run, by model.
func readRecords(t *testing.T, name string) map[string][]results.Record {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	records := map[string][]results.Record{}
	for lines.Scan() {
		var r results.Record
		if err := json.NewDecoder(strings.NewReader(lines.Text())).Decode(&r); err != nil {
			t.Fatal(err)
		}
		records[r.Model] = append(records[r.Model], r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return records
}
