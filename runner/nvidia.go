package runner

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"tritonsweep/runner/triton"
)

// Where Triton's metrics page names no GPU (--allow-gpu-metrics=false, or DCGM is
// missing in the image), the driver of this host may: nvidia-smi asks NVML. It is
// run as a program, since NVML as a library would make ours a dynamic one.

// smiQuery is what nvidia-smi is asked for, in this order.
const smiQuery = "uuid,memory.used,memory.total,utilization.gpu,power.draw"

// readSMI asks the driver of this host; an error means that there is none.
func readSMI(ctx context.Context) ([]triton.GPU, error) {
	ctx, cancel := context.WithTimeout(ctx, smiTimeout)
	defer cancel()
	page, err := askSMI(ctx, "--query-gpu="+smiQuery)
	if err != nil {
		return nil, err
	}
	return parseSMI(page)
}

// smiTimeout is how long the driver may take.
const smiTimeout = 5 * time.Second

// askSMI returns the answer to a query: a line for each device, or process.
func askSMI(ctx context.Context, query string) ([]byte, error) {
	page, err := exec.CommandContext(ctx, "nvidia-smi", query, "--format=csv,noheader,nounits").Output()
	if err != nil {
		return nil, fmt.Errorf("asking nvidia-smi: %w", err)
	}
	return page, nil
}

// smiRows reads an answer whose lines have so many fields.
func smiRows(page []byte, fields int) ([][]string, error) {
	reader := csv.NewReader(bytes.NewReader(page))
	reader.FieldsPerRecord, reader.TrimLeadingSpace = fields, true
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the answer of nvidia-smi: %w", err)
	}
	return rows, nil
}

// parseSMI reads nvidia-smi's answer: a line for each device, memory in MiB,
// utilization in per cent, power in watts. What a device does not report is
// [N/A], or the like, and stays nil.
func parseSMI(page []byte) ([]triton.GPU, error) {
	rows, err := smiRows(page, strings.Count(smiQuery, ",")+1)
	if err != nil {
		return nil, err
	}
	var out []triton.GPU
	for _, row := range rows {
		figure := func(i int, scale float64) *float64 {
			v, err := strconv.ParseFloat(strings.TrimSpace(row[i]), 64)
			if err != nil || !(v >= 0) {
				return nil
			}
			v *= scale
			return &v
		}
		out = append(out, triton.GPU{
			UUID: strings.TrimSpace(row[0]), MemoryUsed: figure(1, 1<<20), MemoryTotal: figure(2, 1<<20),
			Utilization: figure(3, 0.01), Power: figure(4, 1),
		})
	}
	return out, nil
}

// sampleSMI is triton's SampleGPUs with the figures of the host's driver.
func sampleSMI(ctx context.Context, every time.Duration, read func(context.Context) ([]triton.GPU, error)) []triton.GPUWindow {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var readings [][]triton.GPU
	for {
		gpus, err := read(ctx)
		if err != nil && ctx.Err() == nil {
			return nil // no driver, or none that answers
		}
		readings = append(readings, gpus)
		select {
		case <-ctx.Done():
			return triton.JoinGPUs(readings)
		case <-ticker.C:
		}
	}
}
