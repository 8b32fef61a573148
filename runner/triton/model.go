package triton

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/internal/tritonpb/service"
)

// ServerMetadata is who answers.
type ServerMetadata struct {
	Name       string // "triton"
	Version    string // of the server, for example "2.51.0"
	Extensions []string
}

// Metadata is a model's interface as clients see it.
type Metadata struct {
	Name     string
	Versions []string // the versions served
	Platform string   // or backend
	Inputs   []Tensor
	Outputs  []Tensor
}

// Tensor is one input or output. A shape's -1 may be any size; of a model that
// batches the first one is the batch.
type Tensor struct {
	Name     string
	Datatype string // "FP32", "INT64", "BYTES", ...
	Shape    []int64
}

// ServerMetadata returns who answers.
func (c *Client) ServerMetadata(ctx context.Context) (ServerMetadata, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ServerMetadata(ctx, &service.ServerMetadataRequest{}, limit())
	if err != nil {
		return ServerMetadata{}, c.fail(ctx, "reading the server's metadata", "", err)
	}
	return ServerMetadata{Name: r.Name, Version: r.Version, Extensions: r.Extensions}, nil
}

// Metadata returns the model's inputs and outputs. It wraps ErrUnknownModel or
// ErrUnavailable.
func (c *Client) Metadata(ctx context.Context, model string) (Metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ModelMetadata(ctx, &service.ModelMetadataRequest{Name: model}, limit())
	if err != nil {
		return Metadata{}, c.fail(ctx, "reading the metadata", model, err)
	}
	return Metadata{
		Name: r.Name, Versions: r.Versions, Platform: r.Platform,
		Inputs: tensors(r.Inputs), Outputs: tensors(r.Outputs),
	}, nil
}

func tensors(list []*service.ModelMetadataResponse_TensorMetadata) []Tensor {
	var all []Tensor
	for _, t := range list {
		all = append(all, Tensor{Name: t.Name, Datatype: t.Datatype, Shape: t.Shape})
	}
	return all
}

// Config returns the model configuration in force, with what Triton completed
// by itself. It wraps ErrUnknownModel or ErrUnavailable.
func (c *Client) Config(ctx context.Context, model string) (*tritonpb.ModelConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, c.callTimeout)
	defer cancel()
	r, err := c.api.ModelConfig(ctx, &service.ModelConfigRequest{Name: model}, limit())
	if err != nil {
		return nil, c.fail(ctx, "reading the config", model, err)
	}
	if r.Config == nil {
		return nil, fmt.Errorf("reading the config of model %s: the server sent none", quoteName(model))
	}
	return r.Config, nil
}

// ConfigJSON returns Config as compact protobuf JSON: equal configs give equal
// bytes.
func (c *Client) ConfigJSON(ctx context.Context, model string) (json.RawMessage, error) {
	config, err := c.Config(ctx, model)
	if err != nil {
		return nil, err
	}
	return MarshalConfig(config)
}

// MarshalConfig writes a config as compact protobuf JSON. protojson varies its
// blanks on purpose, so they are removed.
func MarshalConfig(config *tritonpb.ModelConfig) (json.RawMessage, error) {
	loose, err := protojson.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encoding the config of model %s: %w", quoteName(config.GetName()), err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, loose); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}
