//go:build ignore

// Command main writes the Go code of Triton's protocol from triton.binpb, the
// descriptors that descriptors.py took from NVIDIA's tritonclient wheel. It
// speaks the plugin protocol itself, so that neither protoc nor buf is needed.
// Run it through `go generate ./internal/tritonpb`.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const module = "tritonsweep"

// packages maps each proto file to its Go package: the messages of the model
// configuration stay apart from the service, so that reading a config never
// links gRPC.
var packages = map[string]string{
	"model_config.proto": module + "/internal/tritonpb",
	"grpc_service.proto": module + "/internal/tritonpb/service",
}

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate() error {
	raw, err := os.ReadFile("gen/triton.binpb")
	if err != nil {
		return err
	}
	files := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(raw, files); err != nil {
		return fmt.Errorf("gen/triton.binpb: %w", err)
	}
	for _, plugin := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		if err := run(plugin, files); err != nil {
			return fmt.Errorf("%s: %w", plugin, err)
		}
	}
	return nil
}

func run(plugin string, files *descriptorpb.FileDescriptorSet) error {
	parameters := []string{"module=" + module}
	request := &pluginpb.CodeGeneratorRequest{ProtoFile: files.File}
	for name, goPackage := range packages {
		parameters = append(parameters, "M"+name+"="+goPackage)
		request.FileToGenerate = append(request.FileToGenerate, name)
	}
	request.Parameter = proto.String(strings.Join(parameters, ","))
	in, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "tool", "-modfile=../../tools.mod", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out, response); err != nil {
		return err
	}
	if response.Error != nil {
		return fmt.Errorf("%s", *response.Error)
	}
	for _, f := range response.File {
		path := filepath.Join("../..", f.GetName())
		if err := os.WriteFile(path, []byte(f.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
