package runner

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner/triton"
	"tritonsweep/sweep"
	"tritonsweep/tritonconfig"
)

// reloadApplier overrides a model's config through the server's model control
// API. An override stays in force until the model is unloaded: a plain load
// after it answers success and changes nothing.
type reloadApplier struct {
	run        *run
	overridden string // the model that has an override now
}

func (a *reloadApplier) apply(ctx context.Context, t sweep.Trial) error {
	if a.overridden != "" && (a.overridden != t.Model || t.Settings.IsZero()) {
		if err := a.revert(ctx); err != nil {
			return err
		}
	}
	if t.Settings.IsZero() {
		return nil
	}
	config, err := overlay(a.run.originals[t.Model], t.Settings)
	if err != nil {
		return &RefusedError{Model: t.Model, Reason: err.Error()}
	}
	override, err := triton.ConfigOverride(config)
	if err != nil {
		return err
	}
	if a.run.journal != nil { // first: what if this process dies in the load?
		if err := a.run.journal.Override(t.Model); err != nil {
			return err
		}
	}
	a.overridden = t.Model
	if err := a.run.client.Load(ctx, t.Model, override); err != nil {
		if errors.Is(err, triton.ErrControlMode) {
			a.overridden = "" // nor will it take the revert
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		return &RefusedError{Model: t.Model, Reason: err.Error()}
	}
	return nil
}

func (a *reloadApplier) revert(ctx context.Context) error {
	if a.overridden == "" {
		return nil
	}
	pinned, err := putBack(ctx, a.run.client, a.overridden, a.run.originals[a.overridden])
	if err != nil {
		return fmt.Errorf("removing the override of %s: %w", a.overridden, err)
	}
	if pinned {
		a.run.tell(Event{Step: Warning, Text: pinnedText(a.overridden)})
	}
	a.overridden = ""
	return nil
}

// putBack makes the server run the config that it ran before the run: without an
// override, when that is what its file says, else with that very config as an
// override, so that the model serves as it was found. It reports the latter.
func putBack(ctx context.Context, client *triton.Client, model string, served *tritonpb.ModelConfig) (pinned bool, err error) {
	reloadErr := client.Reload(ctx, model)
	same, err := serves(ctx, client, model, served)
	if same || errors.Is(reloadErr, triton.ErrControlMode) || ctx.Err() != nil {
		return false, errors.Join(reloadErr, err)
	}
	override, err := triton.ConfigOverride(served)
	if err != nil {
		return false, errors.Join(reloadErr, err)
	}
	if err := client.Load(ctx, model, override); err != nil {
		return false, errors.Join(reloadErr, err)
	}
	same, err = serves(ctx, client, model, served)
	if err == nil && !same {
		err = fmt.Errorf("%s: %w", model, errAnotherConfig)
	}
	return true, err
}

// errAnotherConfig is how a restore ends that did not bring the old config back.
var errAnotherConfig = errors.New("the server runs another config than before the sweep")

// serves reports whether the server runs the very config.
func serves(ctx context.Context, client *triton.Client, model string, config *tritonpb.ModelConfig) (bool, error) {
	active, err := inForce(ctx, client, model)
	return err == nil && proto.Equal(active, config), err
}

func pinnedText(model string) string {
	return fmt.Sprintf("%s: its file says another config than the server ran before the sweep; that one was loaded again, as an override (hint: unload and load the model when the file is right)", model)
}

// overlay returns a copy of config with the settings in it.
func overlay(config *tritonpb.ModelConfig, s tritonconfig.Settings) (*tritonpb.ModelConfig, error) {
	config, err := s.OverlayOther(config)
	if err != nil {
		return nil, err
	}
	if s.MaxBatchSize != nil {
		config.MaxBatchSize = int32(*s.MaxBatchSize)
	}
	if s.MaxQueueDelay != nil || s.PreferredBatchSizes != nil {
		if config.GetSequenceBatching() != nil || config.GetEnsembleScheduling() != nil {
			return nil, errors.New("the model has another scheduler than dynamic batching")
		}
		if config.GetDynamicBatching() == nil {
			config.SchedulingChoice = &tritonpb.ModelConfig_DynamicBatching{DynamicBatching: &tritonpb.ModelDynamicBatching{}}
		}
	}
	if s.MaxQueueDelay != nil {
		config.GetDynamicBatching().MaxQueueDelayMicroseconds = *s.MaxQueueDelay
	}
	if s.PreferredBatchSizes != nil {
		config.GetDynamicBatching().PreferredBatchSize = nil
		for _, size := range s.PreferredBatchSizes {
			config.GetDynamicBatching().PreferredBatchSize = append(config.GetDynamicBatching().PreferredBatchSize, int32(size))
		}
	}
	return config, overlayCount(config, s)
}

func overlayCount(config *tritonpb.ModelConfig, s tritonconfig.Settings) error {
	if s.InstanceCount == nil {
		return nil
	}
	if len(config.InstanceGroup) == 0 {
		config.InstanceGroup = []*tritonpb.ModelInstanceGroup{{}}
	}
	for i, group := range config.InstanceGroup {
		only := len(config.InstanceGroup) == 1 && s.InstanceGroup == ""
		if only || s.InstanceGroup == fmt.Sprintf("#%d", i) || s.InstanceGroup != "" && s.InstanceGroup == group.Name {
			group.Count = int32(*s.InstanceCount)
			return nil
		}
	}
	return fmt.Errorf("the model has %d instance groups and none is %q (hint: name one with --group)", len(config.InstanceGroup), s.InstanceGroup)
}
