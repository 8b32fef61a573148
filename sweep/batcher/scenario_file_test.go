package batcher

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func readScenario(path string) (*scenarioFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &scenarioFile{path: path, runs: 200}
	f.scenario = Scenario{
		Models: []Model{{Name: "m", Config: Config{MaxBatch: 32, Dynamic: true, Instances: 1}}},
		Timing: DefaultTiming(), Requests: 1, Trace: true,
	}
	f.scenario.Models[0].Service.CV = 0.01
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		key, value, _ := strings.Cut(text, ":")
		if key = strings.TrimSpace(key); key == "" {
			continue
		}
		if err := f.set(n, key, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if len(f.expect) == 0 {
		return nil, fmt.Errorf("%s: expects nothing", path)
	}
	return f, lines.Err()
}

func (f *scenarioFile) set(line int, key, value string) (err error) {
	m := &f.scenario.Models[0]
	switch key {
	case "max-batch":
		m.Config.MaxBatch, err = strconv.Atoi(value)
	case "preferred":
		m.Config.Preferred, err = integers(value)
	case "delay":
		m.Config.Delay, err = time.ParseDuration(value)
	case "instances":
		m.Config.Instances, err = strconv.Atoi(value)
	case "dynamic":
		m.Config.Dynamic, err = strconv.ParseBool(value)
	case "preserve-ordering":
		m.Config.PreserveOrdering, err = strconv.ParseBool(value)
	case "variable-shape":
		m.Config.VariableShape, err = strconv.ParseBool(value)
	case "device-blocking":
		m.Config.DeviceBlocking, err = strconv.ParseBool(value)
	case "levels":
		m.Config.PriorityLevels, err = strconv.Atoi(value)
		m.Config.DefaultPriority = m.Config.PriorityLevels
	case "max-queue-size":
		m.Config.Policy.MaxSize, err = strconv.Atoi(value)
	case "timeout":
		m.Config.Policy.Timeout, err = time.ParseDuration(value)
	case "timeout-action":
		m.Config.Policy.DelayExpired = value == "delay"
	case "allow-override":
		m.Config.Policy.AllowOverride, err = strconv.ParseBool(value)
	case "rules":
		err = f.rules(value)
	case "service":
		m.Service.Compute, err = serviceTable(value)
	case "input-copy":
		m.Service.Input, err = serviceTable(value)
	case "variation":
		m.Service.CV, err = strconv.ParseFloat(value, 64)
	case "device":
		err = f.device(value)
	case "consumed":
		m.Service.Consumed, err = strconv.ParseFloat(value, 64)
	case "front-end":
		f.scenario.Timing.FrontEnd, err = lag(value)
	case "epilogue":
		f.scenario.Timing.Epilogue, err = lag(value)
	case "arrivals":
		m.Load.Script, err = script(value)
		f.scenario.Requests = len(m.Load.Script)
	case "callers":
		m.Load.Callers, err = strconv.Atoi(value)
		m.Load.Jitter = 20 * time.Millisecond
		f.scenario.Trace = false
		f.scenario.Warmup, f.scenario.Requests, f.runs = 1000, 4000, 15
	case "runs":
		f.runs, err = strconv.Atoi(value)
	case "expect":
		err = f.expectation(line, value)
	default:
		err = fmt.Errorf("unknown key %q", key)
	}
	return err
}

func (f *scenarioFile) rules(value string) error {
	r := &f.scenario.Models[0].Config.Rules
	for _, name := range strings.Fields(value) {
		switch name {
		case "notify-parked":
			r.NotifyParked = true
		case "count-merges":
			r.CountMerges = true
		case "no-top-up":
			r.NoTopUp = true
		case "no-merge":
			r.NoMerge = true
		default:
			return fmt.Errorf("unknown rule %q", name)
		}
	}
	return nil
}

// device reads "gpu exclusive" or "gpu sliced 0.5".
func (f *scenarioFile) device(value string) (err error) {
	fields := strings.Fields(value)
	d := Device{Name: fields[0]}
	if len(fields) == 3 && fields[1] == "sliced" {
		d.Sharing = Sliced
		d.Slope, err = strconv.ParseFloat(fields[2], 64)
	}
	f.scenario.Models[0].Service.Device = d.Name
	f.scenario.Devices = []Device{d}
	return err
}

// expectation reads "5 2 in 60..95%", "5 2" (always), or "throughput 520..530".
func (f *scenarioFile) expectation(line int, value string) (err error) {
	e := expectation{line: line, what: "batches", from: 100, to: 100}
	words := strings.Fields(value)
	if len(words) == 2 && strings.Contains(words[1], "..") {
		e.what = words[0]
		e.from, e.to, err = limits(words[1])
	} else {
		sizes, share, given := strings.Cut(value, " in ")
		if e.batches = sizes; given {
			e.from, e.to, err = limits(strings.TrimSuffix(share, "%"))
		}
	}
	f.expect = append(f.expect, e)
	return err
}

func limits(text string) (from, to float64, err error) {
	a, b, _ := strings.Cut(text, "..")
	if from, err = strconv.ParseFloat(a, 64); err != nil {
		return 0, 0, err
	}
	to, err = strconv.ParseFloat(b, 64)
	return from, to, err
}

func integers(text string) (numbers []int, err error) {
	for _, field := range strings.Fields(strings.ReplaceAll(text, ",", " ")) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// lag reads "40us" or "15us..40us" (least and mean).
func lag(text string) (Lag, error) {
	a, b, given := strings.Cut(text, "..")
	if !given {
		b = a
	}
	least, err := time.ParseDuration(a)
	if err != nil {
		return Lag{}, err
	}
	mean, err := time.ParseDuration(b)
	return Lag{least, mean}, err
}

// serviceTable reads "20ms" or "10.8ms + 0.56ms".
func serviceTable(text string) (Table, error) {
	a, b, given := strings.Cut(text, "+")
	base, err := time.ParseDuration(strings.TrimSpace(a))
	if err != nil || !given {
		return Constant(base), err
	}
	each, err := time.ParseDuration(strings.TrimSpace(b))
	return Linear(base, each), err
}

// script reads "7@0 2x3@10 20@0+2.5 1p2@5 1t20@5 1s7@5": count, then xITEMS,
// pPRIORITY, tTIMEOUT_MS or sSHAPE, @ the time in ms, + the interval in ms.
func script(text string) (arrivals []Arrival, err error) {
	for _, field := range strings.Fields(text) {
		head, when, ok := strings.Cut(field, "@")
		if !ok {
			return nil, fmt.Errorf("arrival %q has no time", field)
		}
		when, every, _ := strings.Cut(when, "+")
		at, err := strconv.ParseFloat(when, 64)
		if err != nil {
			return nil, err
		}
		step := 0.0
		if every != "" {
			if step, err = strconv.ParseFloat(every, 64); err != nil {
				return nil, err
			}
		}
		count, a, err := arrivalHead(head)
		if err != nil {
			return nil, err
		}
		for i := range count {
			a.At = time.Duration((at + float64(i)*step) * 1e6)
			arrivals = append(arrivals, a)
		}
	}
	return arrivals, nil
}

func arrivalHead(head string) (count int, a Arrival, err error) {
	end := strings.IndexAny(head, "xpts")
	if end < 0 {
		end = len(head)
	}
	if count, err = strconv.Atoi(head[:end]); err != nil {
		return 0, a, err
	}
	for rest := head[end:]; rest != ""; {
		kind := rest[0]
		rest = rest[1:]
		if end = strings.IndexAny(rest, "xpts"); end < 0 {
			end = len(rest)
		}
		n, err := strconv.Atoi(rest[:end])
		if err != nil {
			return 0, a, err
		}
		rest = rest[end:]
		switch kind {
		case 'x':
			a.Size = n
		case 'p':
			a.Priority = n
		case 't':
			a.Timeout = time.Duration(n) * time.Millisecond
		case 's':
			a.Shape = uint64(n)
		}
	}
	return count, a, nil
}
