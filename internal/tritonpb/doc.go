// Package tritonpb is generated code: the messages of Triton's model
// configuration (config.pbtxt). The inference service lives in the
// sub-package service, so that only code that talks to a server links gRPC.
//
// The descriptors in gen/triton.binpb come from NVIDIA's tritonclient 2.73.0
// wheel (BSD-3-Clause). A server of version 2.51 understands them: between the
// two no field changed its type or number.
package tritonpb

//go:generate go run gen/main.go
