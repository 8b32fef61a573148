package triton

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
)

const override = `{"name":"arcface","input":[{}],"output":[{}]}`

func TestLoad(t *testing.T) {
	f := newFake()
	f.explicit = true
	c := serve(t, f)
	ctx := context.Background()
	if err := c.Load(ctx, "arcface", ""); err != nil {
		t.Error(err)
	}
	if err := c.Load(ctx, "arcface", override); err != nil {
		t.Error(err)
	}
	if err := c.Reload(ctx, "arcface"); err != nil {
		t.Error(err)
	}
	if want := []string{"", override, ""}; !slices.Equal(f.loads, want) {
		t.Errorf("loads %q, want %q", f.loads, want)
	}
	if err := c.Load(ctx, "arcfase", ""); !errors.Is(err, ErrUnknownModel) || !strings.Contains(err.Error(), "did you mean arcface?") {
		t.Errorf("unknown model: %v", err)
	}
}

func TestLoadRefused(t *testing.T) {
	f := newFake()
	f.explicit = true
	c := serve(t, f)
	for _, answer := range []error{
		status.Error(codes.Internal, "failed to load 'arcface', failed to poll from model repository"),
		status.Error(codes.InvalidArgument, "load failed for model 'arcface': no such backend"),
	} {
		f.change(func() {
			f.before = func(_ context.Context, call string) error {
				if strings.HasSuffix(call, "RepositoryModelLoad") {
					return answer
				}
				return nil
			}
		})
		if err := c.Load(context.Background(), "arcface", override); !errors.Is(err, ErrRefused) || status.Code(err) != status.Code(answer) {
			t.Errorf("got %v", err)
		}
	}
}

func TestLoadInTheWrongMode(t *testing.T) {
	c := serve(t, newFake())
	for name, err := range map[string]error{
		"load":   c.Load(context.Background(), "arcface", ""),
		"unload": c.Unload(context.Background(), "arcface"),
	} {
		if !errors.Is(err, ErrControlMode) || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "--model-control-mode=explicit") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What Triton would load as READY and could not serve never leaves us.
func TestLoadRefusesIncomplete(t *testing.T) {
	f := newFake()
	f.explicit = true
	c := serve(t, f)
	for _, text := range []string{"{}", "{", "null", `{"input":[{}]}`, `{"output":[{}],"input":[]}`, `"x"`} {
		if err := c.Load(context.Background(), "arcface", text); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if len(f.loads) != 0 {
		t.Errorf("loads %q", f.loads)
	}
}

func TestFault58NamesStayInTheRepository(t *testing.T) {
	f := newFake()
	f.explicit = true
	c := serve(t, f)
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a\nb"} {
		if c.Load(context.Background(), name, "") == nil || c.Unload(context.Background(), name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if len(f.calls) != 0 {
		t.Errorf("calls %q", f.calls)
	}
}

func TestUnloadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.explicit = true
		start := time.Now()
		if err := virtual(f).Unload(context.Background(), "arcface"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 200*time.Millisecond || took > 300*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if err := virtual(f).Unload(context.Background(), "nobody"); err != nil {
			t.Errorf("unloading what is not loaded: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := virtual(f).Unload(ctx, "detector"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		time.Sleep(time.Second) // the fake's timer
	})
}

func TestConfigOverride(t *testing.T) {
	config := &tritonpb.ModelConfig{Name: "arcface", Backend: "python", MaxBatchSize: 32,
		Input:  []*tritonpb.ModelInput{{Name: "in", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{3}}},
		Output: []*tritonpb.ModelOutput{{Name: "out", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{-1}}},
		SchedulingChoice: &tritonpb.ModelConfig_DynamicBatching{DynamicBatching: &tritonpb.ModelDynamicBatching{
			PreferredBatchSize: []int32{8}, MaxQueueDelayMicroseconds: 1 << 60}}}
	text, err := ConfigOverride(config)
	if err != nil {
		t.Fatal(err)
	}
	var back tritonpb.ModelConfig
	if err := protojson.Unmarshal([]byte(text), &back); err != nil || !proto.Equal(config, &back) {
		t.Errorf("%s became %v, %v", text, &back, err)
	}
	if strings.Contains(text, "null") || !strings.Contains(text, `"maxQueueDelayMicroseconds":"1152921504606846976"`) {
		t.Errorf("text %s", text)
	}
	config.Output = nil
	if _, err := ConfigOverride(config); !errors.Is(err, ErrIncomplete) {
		t.Errorf("without outputs: %v", err)
	}
}
