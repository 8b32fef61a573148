package main

import "fmt"

// point selects the series of points by the chosen models.
func point(metric, more string) string {
	return fmt.Sprintf(`%s{model=~"$model"%s}`, metric, more)
}

// tritonsweepBoard shows a run of tritonsweep with --metrics-listen, beside what
// the server says at the same time.
func tritonsweepBoard() Dashboard {
	const which = "{{model}} {{settings}} {{load}}"
	var l layout
	l.row("Progress")
	l.figure("Run", "short", "What runs.", query{"tritonsweep_run_info", "{{sweep}} {{run}}"})
	l.figure("Now", "short", "What it does.", query{"tritonsweep_step == 1", "{{step}}"})
	l.figure("Trial", "short", "What is tried.", query{"tritonsweep_trial_info", "{{model}} {{settings}} round {{round}}"})
	l.chart("Points", "short", "Recorded, of planned.",
		query{"tritonsweep_points_done", "done"}, query{"tritonsweep_points_planned", "planned"})
	l.chart("Time left", "s", "By the points so far.", query{"tritonsweep_remaining_seconds", "left"})
	l.chart("Records by verdict", "short", "Void, unsteady, refused and failed ones are never used.",
		query{"tritonsweep_records_total", "{{verdict}}"})

	l.row("Results so far (the last usable round of each point)")
	l.chart("Throughput", "short", "Items a second.", query{point("tritonsweep_throughput_per_second", `, bound="value"`), which})
	l.chart("Latency p95", "s", "At the client. Absent where too few requests were measured.",
		query{point("tritonsweep_latency_seconds", `, bound="value", quantile="0.95"`), which})
	l.chart("Latency p99", "s", "At the client. Absent where too few requests were measured.",
		query{point("tritonsweep_latency_seconds", `, bound="value", quantile="0.99"`), which})
	l.chart("Average batch", "short", "Items in one execution.", query{point("tritonsweep_average_batch", ""), which})
	l.chart("Width of the intervals", "percentunit", "Half of the 95 % interval of throughput, by its value.",
		query{fmt.Sprintf(`(sum without (bound) (%s) - sum without (bound) (%s)) / 2 / sum without (bound) (%s)`,
			point("tritonsweep_throughput_per_second", `, bound="high"`), point("tritonsweep_throughput_per_second", `, bound="low"`),
			point("tritonsweep_throughput_per_second", `, bound="value"`)), which})
	l.chart("Stages of pipelines", "s", "Means, by what the API says.", query{point("tritonsweep_stage_seconds", ""), which + " {{stage}}"})

	l.row("What to look at when it is not quiet")
	l.chart("Failed requests", "short", "In measured windows, since the run began.", query{"tritonsweep_request_errors_total", "{{kind}}"})
	l.chart("Warnings", "short", "Of the run.", query{"tritonsweep_warnings_total", "warnings"})
	l.chart("Average batch at the server", "short", "Beside the figures of the points, as it goes.",
		query{fmt.Sprintf("%s / %s", rate("nv_inference_count"), rate("nv_inference_exec_count")), "{{model}}"})
	return l.board("tritonsweep-run", "tritonsweep: a run", "A run with --metrics-listen.", "5s",
		choice("model", "Model", "tritonsweep_throughput_per_second"))
}
