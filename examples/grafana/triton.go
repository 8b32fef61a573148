package main

import "fmt"

// rate is the rate of a counter by model. $__rate_interval is at least four
// scrapes, so that one that is late leaves no gap.
func rate(metric string) string {
	return fmt.Sprintf(`sum by (model) (rate(%s{model=~"$model"}[$__rate_interval]))`, metric)
}

// mean is the mean of a cumulative duration over successful requests, in
// milliseconds.
func mean(metric string) string {
	return fmt.Sprintf("%s / %s / 1000", rate(metric), rate("nv_inference_request_success"))
}

// tritonBoard shows a server by its own metrics.
func tritonBoard() Dashboard {
	var l layout
	l.row("Traffic")
	l.chart("Throughput", "short", "Items a second: a request of client batch 8 counts as 8.",
		query{rate("nv_inference_count"), "{{model}}"})
	l.chart("Requests", "reqps", "Successful requests a second.",
		query{rate("nv_inference_request_success"), "{{model}}"})
	l.chart("Failures", "reqps", "Failed requests a second, by Triton's reason. REJECTED is a full queue or a time-out in it.",
		query{`sum by (model, reason) (rate(nv_inference_request_failure{model=~"$model"}[$__rate_interval]))`, "{{model}} {{reason}}"})

	l.row("Batching")
	l.chart("Average batch", "short", "Items in one execution: rate(nv_inference_count) / rate(nv_inference_exec_count). Not requests per execution, which is wrong with client batches.",
		query{fmt.Sprintf("%s / %s", rate("nv_inference_count"), rate("nv_inference_exec_count")), "{{model}}"})
	l.chart("Executions", "ops", "Batches a second.",
		query{rate("nv_inference_exec_count"), "{{model}}"})
	l.chart("Pending requests", "short", "Requests that wait for their execution to begin.",
		query{`sum by (model) (nv_inference_pending_request_count{model=~"$model"})`, "{{model}}"})

	l.row("Time of a request, by the server (means: Triton tells no quantiles)")
	l.chart("Whole", "ms", "From the request's arrival to its answer, in the server.",
		query{mean("nv_inference_request_duration_us"), "{{model}}"})
	l.chart("Queue", "ms", "Waiting for a batch and for an instance. Compare with max_queue_delay_microseconds.",
		query{mean("nv_inference_queue_duration_us"), "{{model}}"})
	l.chart("Compute", "ms", "The execution that a request was part of. Triton credits every request of a batch with the whole execution, so this is divided by requests: by executions it would grow with the batch.",
		query{mean("nv_inference_compute_infer_duration_us"), "{{model}}"})
	l.chart("Input", "ms", "Copying inputs, of the execution that a request was part of.",
		query{mean("nv_inference_compute_input_duration_us"), "{{model}}"})
	l.chart("Output", "ms", "Copying outputs, of the execution that a request was part of.",
		query{mean("nv_inference_compute_output_duration_us"), "{{model}}"})
	l.chart("Share of waiting", "percentunit", "Queue by whole time. Much of it, with a small average batch, is a delay that buys nothing.",
		query{fmt.Sprintf("%s / %s", rate("nv_inference_queue_duration_us"), rate("nv_inference_request_duration_us")), "{{model}}"})

	machine(&l)
	return l.board("tritonsweep-triton", "Triton", "A Triton server by its own metrics.", "5s", choice("model", "Model", "nv_inference_count"))
}

// machine are the rows about devices, memory and the cache; on a server without
// one the panels stay empty, because absent is not 0.
func machine(l *layout) {
	l.row("GPU (absent on a server without one)")
	l.chart("GPU utilization", "percentunit", "0 to 1, as Triton tells it: an alert on more than 95 would never fire.",
		query{"nv_gpu_utilization", "{{gpu_uuid}}"})
	l.chart("GPU memory", "bytes", "Used, and what there is.",
		query{"nv_gpu_memory_used_bytes", "{{gpu_uuid}} used"}, query{"nv_gpu_memory_total_bytes", "{{gpu_uuid}} total"})
	l.chart("GPU power", "watt", "Drawn, and the limit.",
		query{"nv_gpu_power_usage", "{{gpu_uuid}}"}, query{"nv_gpu_power_limit", "{{gpu_uuid}} limit"})

	l.row("Host")
	l.chart("CPU utilization", "percentunit", "Of the whole host, 0 to 1.",
		query{"nv_cpu_utilization", "CPU"})
	l.chart("Memory", "bytes", "Of the whole host.",
		query{"nv_cpu_memory_used_bytes", "used"}, query{"nv_cpu_memory_total_bytes", "total"})
	l.chart("Pinned memory pool", "bytes", "What copies between host and GPU go through.",
		query{"nv_pinned_memory_pool_used_bytes", "used"}, query{"nv_pinned_memory_pool_total_bytes", "total"})

	l.row("Response cache (absent unless it is on)")
	l.chart("Hits", "percentunit", "Share of lookups that were answered from the cache.",
		query{fmt.Sprintf("%s / (%s + %s)", rate("nv_cache_num_hits_per_model"), rate("nv_cache_num_hits_per_model"), rate("nv_cache_num_misses_per_model")), "{{model}}"})
	l.chart("Lookups", "ops", "Hits and misses a second.",
		query{rate("nv_cache_num_hits_per_model"), "{{model}} hits"}, query{rate("nv_cache_num_misses_per_model"), "{{model}} misses"})
	l.chart("Time of a hit", "ms", "Looking an answer up and copying it.",
		query{fmt.Sprintf("%s / %s / 1000", rate("nv_cache_hit_duration_per_model"), rate("nv_cache_num_hits_per_model")), "{{model}}"})
}
