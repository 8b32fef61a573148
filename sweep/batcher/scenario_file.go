package batcher

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ScenarioFile is a scenario in a file that people can read: settings,
// arrivals, and what the server then executes. The files and the format are in
// the folder scenarios.
type ScenarioFile struct {
	Name     string // for messages
	Scenario Scenario
	// Runs is how many seeds show what happens.
	Runs   int
	Expect []Expectation
}

// Expectation is one line about the outcome.
type Expectation struct {
	Line int
	// What is "batches", or the name of a figure: throughput, p95-ms, ...
	What string
	// Batches is a sequence of executed sizes, for example "5 2".
	Batches string
	// From and To bound the share of the runs that execute Batches, in per cent,
	// or the median of the figure.
	From, To float64
}

// ParseScenario reads a scenario file. An error has its line.
func ParseScenario(name string, data []byte) (*ScenarioFile, error) {
	f := &ScenarioFile{Name: name, Runs: 200}
	f.Scenario = Scenario{
		Models: []Model{{Name: "m", Config: Config{MaxBatch: 32, Dynamic: true, Instances: 1}}},
		Timing: DefaultTiming(), Requests: 1, Trace: true,
	}
	f.Scenario.Models[0].Service.CV = 0.01
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		key, value, _ := strings.Cut(text, ":")
		if key = strings.TrimSpace(key); key == "" {
			continue
		}
		if err := f.set(n, key, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(f.Expect) == 0 {
		return nil, fmt.Errorf("%w: %s: it expects nothing (hint: a line such as \"expect: 5 2\")", ErrConfig, name)
	}
	if err := f.Scenario.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

func (f *ScenarioFile) set(line int, key, value string) (err error) {
	m := &f.Scenario.Models[0]
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
		f.Scenario.Timing.FrontEnd, err = lag(value)
	case "epilogue":
		f.Scenario.Timing.Epilogue, err = lag(value)
	case "arrivals":
		m.Load.Script, err = script(value)
		f.Scenario.Requests = len(m.Load.Script)
	case "callers":
		m.Load.Callers, err = strconv.Atoi(value)
		m.Load.Jitter = 20 * time.Millisecond
		f.Scenario.Trace = false
		f.Scenario.Warmup, f.Scenario.Requests, f.Runs = 1000, 4000, 15
	case "runs":
		f.Runs, err = strconv.Atoi(value)
	case "expect":
		err = f.expectation(line, value)
	default:
		err = fmt.Errorf("unknown key %q", key)
	}
	return err
}

func (f *ScenarioFile) rules(value string) error {
	r := &f.Scenario.Models[0].Config.Rules
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
func (f *ScenarioFile) device(value string) (err error) {
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return fmt.Errorf("a device without a name")
	}
	d := Device{Name: fields[0]}
	if len(fields) == 3 && fields[1] == "sliced" {
		d.Sharing = Sliced
		d.Slope, err = strconv.ParseFloat(fields[2], 64)
	}
	f.Scenario.Models[0].Service.Device = d.Name
	f.Scenario.Devices = []Device{d}
	return err
}

// expectation reads "5 2 in 60..95%", "5 2" (always), or "throughput 520..530".
func (f *ScenarioFile) expectation(line int, value string) (err error) {
	e := Expectation{Line: line, What: "batches", From: 100, To: 100}
	words := strings.Fields(value)
	if len(words) == 2 && strings.Contains(words[1], "..") {
		e.What = words[0]
		e.From, e.To, err = limits(words[1])
	} else {
		sizes, share, given := strings.Cut(value, " in ")
		if e.Batches = sizes; given {
			e.From, e.To, err = limits(strings.TrimSuffix(share, "%"))
		}
	}
	f.Expect = append(f.Expect, e)
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
