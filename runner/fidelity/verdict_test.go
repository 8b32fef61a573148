package fidelity

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"

	"tritonsweep/results"
	"tritonsweep/results/forecast"
)

// verdict is what came of one model: how far the predictions are off, and how far
// the server is from itself.
type verdict struct {
	name         string
	goals        goals
	runs, points int
	x, p95       errors
	// high counts the throughputs that were predicted too high: much more or less
	// than half of them tell of a machine that was not the same for calibration
	// and points.
	high int
	// sure are the points of which the prediction did not say that they must be
	// measured.
	sure           int
	sureX, sureP95 errors
	// controls is the number of runs of one config and load between the others;
	// theirX and theirP95 are by how much two of them differ, in per cent: no
	// prediction can be closer.
	controls         int
	theirX, theirP95 errors
	// twice is the number of points that were measured a second time; againX and
	// againP95 compare the two measurements as errors of a prediction would be.
	twice            int
	againX, againP95 errors
	void             int     // points that were not usable
	busiest          float64 // load average
}

// repeated makes each point's figures the (geometric) mean of its two measurements,
// and compares these with each other: the error of a prediction holds that of what
// it is compared with.
func (v *verdict) repeated(all []pair, second []results.Record) {
	figures := map[string]*results.Record{}
	for i := range second {
		if r := &second[i]; r.Verdict.Usable() && r.Client.Throughput != nil {
			figures[describe(r)] = r
		}
	}
	var twice []pair
	for i := range all {
		p := &all[i]
		r, ok := figures[p.what]
		if !ok {
			continue
		}
		other := pair{x: p.x, p95: p.p95, simX: r.Client.Throughput.Value, simP95: 1e3 * forecast.P95(r).Seconds()}
		if other.simP95 == 0 {
			other.p95 = 0
		}
		twice = append(twice, other)
		p.apartX = other.simX / p.x
		p.x = math.Sqrt(p.x * other.simX)
		if other.p95 > 0 {
			p.p95 = math.Sqrt(p.p95 * other.simP95)
		}
	}
	v.twice = len(twice)
	v.againX, v.againP95 = sumUpBoth(twice)
}

// itself fills in what the machine did meanwhile.
func (v *verdict) itself(records, control []results.Record) {
	for i := range records {
		var load float64
		if _, err := fmt.Sscan(records[i].Environment.LoadAverage, &load); err == nil {
			v.busiest = max(v.busiest, load)
		}
		if !records[i].Verdict.Usable() {
			v.void++
		}
	}
	var x, p95 []float64
	for i := range control {
		if r := &control[i]; r.Verdict.Usable() && r.Client.Throughput != nil {
			x, p95 = append(x, r.Client.Throughput.Value), append(p95, forecast.P95(r).Seconds())
		}
	}
	v.controls, v.theirX, v.theirP95 = len(x), apart(x), apart(p95)
}

// apart sums up by how much any two of the values differ, in per cent.
func apart(values []float64) errors {
	var off []float64
	for i, a := range values {
		for _, b := range values[:i] {
			if a > 0 && b > 0 {
				off = append(off, 100*math.Abs(a/b-1))
			}
		}
	}
	if len(off) == 0 {
		return errors{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(off)
	return errors{median: quantile(off, 0.5), tail: quantile(off, 0.9)}
}

// busy reports that other work on the machine is in the figures.
func (v *verdict) busy() bool {
	return v.theirX.tail > 5 || v.busiest > float64(runtime.NumCPU())+1
}

// printRepeated compares the two measurements of each point.
func printRepeated(w *tabwriter.Writer, all []verdict) {
	if !slices.ContainsFunc(all, func(v verdict) bool { return v.twice > 0 }) {
		return
	}
	fmt.Println("the server against itself on the points above, each measured twice (the errors above are of the mean of both)")
	fmt.Fprintln(w, "model\tpoints\tthroughput mean\tmedian\tp90\trank\tp95 mean\tmedian\tp90\trank\t")
	for _, v := range all {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.3f\t%.1f\t%.1f\t%.1f\t%.3f\t\n", v.name, v.twice,
			v.againX.mean, v.againX.median, v.againX.tail, v.againX.rank, v.againP95.mean, v.againP95.median, v.againP95.tail, v.againP95.rank)
	}
	w.Flush()
}

// printVerdicts prints the table at the end.
func printVerdicts(all []verdict) {
	fmt.Printf("\npredictions against the real server, on points that no calibration saw (errors in %%; the goal in brackets)\n")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "model\truns\tpoints\tthroughput mean\tmedian\tp90\trank\tp95 mean\tmedian\tp90\trank\tvoid\t")
	for _, v := range all {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.1f\t%.1f (%.0f)\t%.1f (%.0f)\t%.3f (%.2f)\t%.1f\t%.1f (%.0f)\t%.1f (%.0f)\t%.3f (%.2f)\t%d\t\n", v.name, v.runs, v.points,
			v.x.mean, v.x.median, v.goals.medianX, v.x.tail, v.goals.tailX, v.x.rank, leastRank,
			v.p95.mean, v.p95.median, v.goals.medianP95, v.p95.tail, v.goals.tailP95, v.p95.rank, leastRank, v.void)
	}
	w.Flush()
	fmt.Println("of these the points that the prediction itself does not ask to be measured")
	fmt.Fprintln(w, "model\tpoints\tthroughput mean\tmedian\tp90\tp95 mean\tmedian\tp90\tof all predicted too high\t")
	for _, v := range all {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%d of %d\t\n", v.name, v.sure,
			v.sureX.mean, v.sureX.median, v.sureX.tail, v.sureP95.mean, v.sureP95.median, v.sureP95.tail, v.high, v.points)
	}
	w.Flush()
	fmt.Println("the server against itself: how much two control runs of one config and load differ")
	fmt.Fprintln(w, "model\truns\tthroughput median\tp90\tp95 median\tp90\tload average\t")
	for _, v := range all {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\tup to %.1f on %d processors\t\n", v.name, v.controls,
			v.theirX.median, v.theirX.tail, v.theirP95.median, v.theirP95.tail, v.busiest, runtime.NumCPU())
	}
	w.Flush()
	printRepeated(w, all)
	missed := 0
	for _, v := range all {
		for _, miss := range v.goals.missed(v.x, v.p95) {
			fmt.Printf("MISSED  %s: %s\n", v.name, miss)
			missed++
		}
		if v.busy() {
			fmt.Printf("THE MACHINE WAS BUSY while %s was measured: the errors hold that of the machine\n", v.name)
		}
	}
	if missed == 0 && len(all) > 0 {
		fmt.Println("every goal was reached")
	}
}
