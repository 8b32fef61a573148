package runner

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tritonsweep/runner/triton"
)

func readSample(t *testing.T, name string) []triton.GPU {
	t.Helper()
	page, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	gpus, err := parseSMI(page)
	if err != nil || len(gpus) != 1 {
		t.Fatalf("%v, %v", gpus, err)
	}
	return gpus
}

func TestParseSMI(t *testing.T) {
	g := readSample(t, "nvidia-smi-h100-busy.csv")[0]
	if *g.MemoryUsed != 2931<<20 || *g.MemoryTotal != 81559<<20 || *g.Utilization != 0.98 || *g.Power != 689.58 || !strings.HasPrefix(g.UUID, "GPU-") {
		t.Errorf("%+v", g)
	}
	parts, err := parseSMI([]byte("GPU-a, [N/A], [Not Supported], [N/A], [Unknown Error]\nGPU-b, 1, 2, 3, 4\n"))
	if err != nil || len(parts) != 2 || parts[0].MemoryUsed != nil || parts[0].Utilization != nil || parts[0].Power != nil || *parts[1].Power != 4 {
		t.Errorf("%+v, %v", parts, err)
	}
	for _, bad := range []string{"No devices were found\n", "GPU-a, 1, 2\n", "\"\n"} {
		if got, err := parseSMI([]byte(bad)); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
	if got, err := parseSMI(nil); err != nil || len(got) != 0 {
		t.Errorf("no answer: %v, %v", got, err)
	}
}

func TestSampleSMI(t *testing.T) {
	idle, busy := readSample(t, "nvidia-smi-h100.csv"), readSample(t, "nvidia-smi-h100-busy.csv")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		pages := [][]triton.GPU{idle, busy}
		got := sampleSMI(ctx, time.Second, func(context.Context) ([]triton.GPU, error) {
			page := pages[0]
			pages = pages[1:]
			return page, nil
		})
		if len(got) != 1 || got[0].Samples != 2 || *got[0].MemoryUsed != 2931<<20 || *got[0].Utilization != 0.49 {
			t.Errorf("%+v", got)
		}
		none := sampleSMI(t.Context(), time.Second, func(context.Context) ([]triton.GPU, error) { return nil, errors.New("no driver") })
		if none != nil {
			t.Errorf("no driver: %+v", none)
		}
	})
}
