package report

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"tritonsweep/results"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// A sample is a synthetic run: what tritonsweep would have recorded on a server
// whose behaviour is a formula with seeded noise. The figures are invented.
type sample struct {
	run     results.Run
	records []results.Record
	world   *world
}

func (s sample) report() *Report { return Analyze(s.run, s.records) }

var sampleStart = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)

const sampleConfig = `name: "%s"
platform: "tensorrt_plan"
max_batch_size: 128
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 112, 112 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 512 ] } ]

instance_group [
  {
    count: 4  # four streams
    kind: KIND_GPU
  }
]

dynamic_batching {
  preferred_batch_size: [ 8, 16, 32, 64 ]
  max_queue_delay_microseconds: 15000  # 15ms - waits for full batches
}
`

// sampleCurrent is what a server reports for sampleConfig.
func sampleCurrent() tritonconfig.Settings {
	return tritonconfig.Settings{
		MaxQueueDelay: tritonconfig.Ptr(uint64(15000)), PreferredBatchSizes: []int{8, 16, 32, 64},
		InstanceCount: tritonconfig.Ptr(4), MaxBatchSize: tritonconfig.Ptr(128),
	}
}

// world makes the records of a sample.
type world struct {
	random *rand.Rand
	start  map[string]float64 // noise of each server start
	effect float64            // how much settings matter: 1, or 0 for an A/A world
	gpu    bool
	memory bool
}

func newSample(name string, models []string, settings []tritonconfig.Settings, loads []sweep.Load, rounds int, w *world) sample {
	var spaces []sweep.Space
	for _, m := range models {
		spaces = append(spaces, sweep.Space{Model: m, Settings: settings, Loads: loads})
	}
	plan, err := sweep.NewPlan(name, spaces, rounds, 42)
	if err != nil {
		panic(err)
	}
	w.random, w.start = rand.New(rand.NewPCG(42, 1)), map[string]float64{}
	s := sample{world: w, run: results.Run{
		ID: "20261123-093000-k3qp", Start: sampleStart, Plan: plan, Outcome: "done",
		Command: []string{"tritonsweep", name, "--model=" + models[0], "--container=tritonsweep-triton", "--db=run.db"},
	}}
	s.run.Originals = map[string]results.Original{}
	for _, m := range models {
		s.run.Originals[m] = results.Original{
			Path: "models/" + m + "/config.pbtxt", SHA256: "5e1f", Text: fmt.Appendf(nil, sampleConfig, m),
		}
	}
	s.measure(plan.Trials)
	return s
}

// measure adds the records of trials.
func (s *sample) measure(trials []sweep.Trial) {
	for _, t := range trials {
		for _, l := range t.Loads {
			s.records = append(s.records, s.world.record(s.run.ID, len(s.records)+1, t, l))
		}
	}
	end := sampleStart.Add(time.Duration(len(s.records))*7*time.Second + 40*time.Second)
	s.run.End, s.run.ExitCode = &end, new(int)
}

// withFinals goes on as a run does: the best are measured afresh.
func (s sample) withFinals() sample {
	s.measure(Finals(s.run, s.records, 0.05, 4*time.Second))
	return s
}

func (w *world) record(run string, sequence int, t sweep.Trial, l sweep.Load) results.Record {
	active := sampleCurrent().Overlay(t.Settings)
	rec := results.Record{
		Run: run, Sequence: sequence, Model: t.Model, Round: t.Round, Final: t.Final, Control: t.Control,
		Settings: t.Settings, Load: l, Active: active, Verdict: results.OK,
		Start: sampleStart.Add(time.Duration(sequence) * 7 * time.Second), Duration: 4, Warmup: 1.2,
		Environment: results.Environment{
			Tool: "0.1.0", Server: "triton 2.51.0", Image: "tritonsweep/triton-cpu:2.51.0", ImageDigest: "sha256:9f2c",
			Container: "tritonsweep-triton", ContainerID: "c0ffee", ConfigSHA256: "5e1f-" + t.Model, ModelVersion: "1",
			Host: "bench-1", CPUs: 16, LoadAverage: "0.42 0.40 0.31", Mode: "restart", Transport: "grpc",
			InputSource: "random", ServerStarted: "2026-11-23T09:30:02Z",
		},
	}
	rec.Config = fmt.Appendf(nil, `{"name":%q,"max_batch_size":%d,"dynamic_batching":{"max_queue_delay_microseconds":"%d"}}`,
		t.Model, *active.MaxBatchSize, *active.MaxQueueDelay)
	w.measure(&rec, active, l, w.noise(t))
	return rec
}

// noise is what a server start adds to every latency of its trial.
func (w *world) noise(t sweep.Trial) float64 {
	key := fmt.Sprint(t.Index)
	if w.start[key] == 0 {
		w.start[key] = math.Exp(0.006 * w.random.NormFloat64())
	}
	return w.start[key]
}

// measure follows the service curve of an ArcFace engine, on which batches up to
// 11 cost the same: a longer delay fills larger batches, which carry more under
// load and make a lone request wait.
func (w *world) measure(rec *results.Record, s tritonconfig.Settings, l sweep.Load, noise float64) {
	items := float64(l.Concurrency * l.BatchSize)
	delay := float64(*s.MaxQueueDelay) / 1000 * w.effect
	if len(s.PreferredBatchSizes) == 0 {
		delay *= 0.8
	}
	share := 0.25 + 0.65*(1-math.Exp(-delay/2.5))
	batch := max(float64(l.BatchSize), min(items*share, 64))
	compute := max(2.27, 0.5+0.165*batch)
	instances := 1 + 0.14*math.Log2(float64(*s.InstanceCount))
	wait := delay * math.Exp(-items/28)
	latency := noise * (wait + compute*max(1, items/batch)/instances + 0.9 + 0.05*items)
	throughput := 1000 * items / latency
	requests := throughput * rec.Duration / float64(l.BatchSize)

	width := 0.008 + 0.4/math.Sqrt(requests)
	estimate := func(v, spread float64) *results.Estimate {
		v *= math.Exp(0.3 * spread * w.random.NormFloat64())
		return &results.Estimate{Value: v, Low: v * (1 - spread), High: v * (1 + 1.1*spread)}
	}
	c := &rec.Client
	c.Requests, c.Items = int64(requests), int64(requests)*int64(l.BatchSize)
	c.Throughput = estimate(throughput, width)
	c.Mean, c.P50 = estimate(latency, width), estimate(0.97*latency, width)
	c.P90, c.P95 = estimate(1.12*latency, 1.3*width), estimate(1.2*latency, 1.6*width)
	if requests >= 900 {
		c.P99 = estimate(1.42*latency, 2.2*width)
	} else {
		c.Missing = map[string]int64{"p99": int64(900 - requests)}
	}
	c.Max = 1.9 * latency
	c.Send, c.Wait, c.CPU = 0.05, latency-0.05, 38
	executions := requests * float64(l.BatchSize) / batch
	rec.Server = &results.Server{
		Inferences: c.Items, Executions: int64(executions), Requests: c.Requests, AverageBatch: batch,
		Queue: max(0.1, latency-compute-1.4), ComputeInput: 0.16 + 0.01*batch, ComputeInfer: compute, ComputeOutput: 0.12,
		Batches: []results.Batch{{Size: int(batch), Executions: int64(executions), ComputeInput: 0.2, ComputeInfer: compute, ComputeOutput: 0.12}},
	}
	if w.memory {
		rec.Resources.ContainerMemory = tritonconfig.Ptr(int64(900<<20) + int64(*s.InstanceCount)*int64(310<<20) + int64(items)<<18)
	}
	if w.gpu {
		used, total := int64(1800<<20)+int64(*s.InstanceCount)*int64(720<<20), int64(48<<30)
		utilization, power := min(0.97, throughput/9000), 120+10*batch/8
		rec.Resources.GPUs = []results.GPU{{UUID: "GPU-1", MemoryUsed: &used, MemoryTotal: &total, Utilization: &utilization, Power: &power}}
	}
}

func concurrencies(list ...int) []sweep.Load { return sweep.Closed(list, []int{1}) }

// edit changes the records that match.
func (s *sample) edit(match func(results.Record) bool, change func(*results.Record)) {
	for i := range s.records {
		if match(s.records[i]) {
			change(&s.records[i])
		}
	}
}

func spoil(verdict results.Verdict, reason string) func(*results.Record) {
	return func(r *results.Record) {
		r.Verdict, r.Reasons = verdict, []string{reason}
		if verdict == results.Refused || verdict == results.Failed {
			r.Client, r.Server, r.Active, r.Config = results.Client{}, nil, tritonconfig.Settings{}, nil
		}
	}
}

func delayOf(r results.Record) uint64 {
	if r.Settings.MaxQueueDelay == nil {
		return math.MaxUint64
	}
	return *r.Settings.MaxQueueDelay
}

// samples makes each kind of report.
var samples = map[string]func() sample{
	"queue-delay": func() sample {
		s := delaySweep(1, 1, 8, 32, 64)
		s.edit(func(r results.Record) bool { return delayOf(r) == 2000 && r.Load.Concurrency == 8 && r.Round == 2 },
			spoil(results.Void, "little: 8 callers, 7.4 by throughput x latency (7.5% off, allowed 5%)"))
		s.edit(func(r results.Record) bool { return delayOf(r) == 7000 && r.Load.Concurrency == 64 },
			spoil(results.Void, "client-bound: the client used 97% of its processors"))
		s.edit(func(r results.Record) bool { return delayOf(r) == 3000 && r.Load.Concurrency == 32 && r.Round == 1 },
			func(r *results.Record) {
				r.Verdict, r.Reasons = results.Noisy, []string{"throughput ±6.2%, asked for ±5%"}
			})
		return s.withFinals()
	},
	"limit": func() sample {
		s := delaySweep(1, 1, 8, 32, 64)
		s.run.Limit = results.Limit{P99: 12}
		return s.withFinals()
	},
	"unmet": func() sample {
		s := delaySweep(1, 1, 8)
		s.run.Limit = results.Limit{P95: 3}
		return s.withFinals()
	},
	"noise": func() sample { return delaySweep(0, 8, 32).withFinals() },
	"instances": func() sample {
		s := newSample("instances", []string{"arcface_w600k_r50", "scrfd_10g_bnkps"},
			sweep.Counts([]int{1, 2, 4, 8}, ""), concurrencies(1, 8, 32), 3, &world{effect: 1, memory: true, gpu: true})
		s.edit(func(r results.Record) bool {
			return r.Model == "scrfd_10g_bnkps" && !r.Control && *r.Settings.InstanceCount == 8
		},
			spoil(results.Refused, "failed to load 'scrfd_10g_bnkps' version 1: Internal: unable to create TensorRT context: out of memory"))
		return s.withFinals()
	},
	"concurrency": func() sample {
		return newSample("concurrency", []string{"arcface_w600k_r50"}, []tritonconfig.Settings{{}},
			concurrencies(1, 4, 8, 16, 32, 64, 128, 256), 3, &world{effect: 1, memory: true})
	},
	"batch-size": func() sample {
		s := newSample("batch-size", []string{"arcface_w600k_r50"}, sweep.PreferredSets(sweep.DefaultSets(32)),
			sweep.Closed([]int{4}, []int{1, 4, 8, 16, 32}), 3, &world{effect: 1})
		s.edit(func(r results.Record) bool { return len(r.Settings.PreferredBatchSizes) == 1 && r.Load.BatchSize == 32 },
			func(r *results.Record) {
				r.Client.Errors = map[string]int64{"RESOURCE_EXHAUSTED": 17, "UNAVAILABLE": 2}
			})
		return s.withFinals()
	},
	"nine": func() sample {
		s := newSample("queue-delay", []string{"arcface_w600k_r50"}, sweep.Delays([]int{1000, 5000, 10000}),
			concurrencies(1, 8, 32), 1, &world{effect: 1})
		s.run.Command = append(s.run.Command, "--delays=1000,5000,10000", "--concurrency=1,8,32", "--rounds=1")
		return s
	},
	"empty": func() sample {
		s := delaySweep(1, 1, 8)
		s.run.Outcome, s.run.End, s.run.ExitCode, s.records = "interrupted", nil, nil, nil
		return s
	},
	"hostile": hostile,
}

func delaySweep(effect float64, concurrency ...int) sample {
	return newSample("queue-delay", []string{"arcface_w600k_r50"}, sweep.Delays([]int{0, 1000, 2000, 3000, 5000, 7000, 10000, 15000}),
		concurrencies(concurrency...), 3, &world{effect: effect, memory: true})
}

// hostile has names that try to break out of every view.
func hostile() sample {
	const bad = `</script><script>document.title="owned"</script><img src=x onerror="document.title='owned'">`
	model := `=cmd|'/C calc'!A0` + bad
	s := newSample("queue-delay", []string{model}, sweep.Delays([]int{0, 5000}), concurrencies(8, 32), 2, &world{effect: 1})
	for i := range s.records {
		r := &s.records[i]
		if !r.Control {
			r.Settings.InstanceCount, r.Settings.InstanceGroup = tritonconfig.Ptr(2), bad
			r.Active.InstanceCount, r.Active.InstanceGroup = tritonconfig.Ptr(2), bad
		}
		r.Environment.Server = "triton\x1b[31m\u202e" + bad
		r.Environment.Image, r.Environment.Container, r.Environment.Host = bad, "*_`[x](javascript:alert(1))`_*", "| pipe\nline\r"
	}
	s.records[1].Client.Errors = map[string]int64{bad: 3, "+1-1": 1}
	spoil(results.Refused, "refused: "+bad+"\x1b]0;owned\x07\n| a | b |")(&s.records[2])
	s.run.Outcome = "failed: " + bad
	s.run.Command = []string{"tritonsweep", "queue-delay", "--model=" + model, "--container", "it's; rm -rf /"}
	s.run.Originals = map[string]results.Original{model: {Path: "x/config.pbtxt", Text: []byte(
		"# " + bad + "\x1b[31m\nmax_batch_size: 8\ninstance_group [ { name: \"a</script>\" count: 1 } ]\ndynamic_batching { }\n")}}
	return s
}

func sampleNames() []string {
	return slices.Sorted(maps.Keys(samples))
}
