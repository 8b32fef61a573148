package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/undo"
)

// settle is how long a server is watched after an override was removed. A load
// that a killed run had sent may still have been on its way.
const settle = 500 * time.Millisecond

// mostReturns bounds how often an override that comes back is removed.
const mostReturns = 3

// removeOverrides makes the server run what it ran before a killed run loaded
// its overrides. No file is changed and no process restarted.
func (r Recovery) removeOverrides(ctx context.Context, server Server, overrides []undo.Override) error {
	ctx, cancel := context.WithTimeout(ctx, r.ReadyTimeout)
	defer cancel()
	client, err := server.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close() // it read, and loaded
	if err := client.WaitReady(ctx, "", triton.Wait{}); err != nil {
		return err
	}
	for _, o := range overrides {
		if err := r.removeOverride(ctx, client, o); err != nil {
			return fmt.Errorf("removing the override of %s: %w", o.Model, err)
		}
	}
	return nil
}

func (r Recovery) removeOverride(ctx context.Context, client *triton.Client, o undo.Override) error {
	served := &tritonpb.ModelConfig{}
	if err := protojson.Unmarshal(o.Served, served); err != nil {
		return fmt.Errorf("the config in the journal: %w", err)
	}
	for range mostReturns {
		pinned, err := putBack(ctx, client, o.Model, served)
		if err != nil && !errors.Is(err, triton.ErrControlMode) { // else no override was loaded either
			return err
		}
		time.Sleep(settle)
		same, err := serves(ctx, client, o.Model, served)
		if err != nil {
			return err
		}
		if !same {
			continue
		}
		if pinned && r.Note != nil {
			r.Note(pinnedText(o.Model))
		}
		return nil
	}
	return errAnotherConfig
}
