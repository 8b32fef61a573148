"""Writes the file descriptors carried by NVIDIA's tritonclient wheel as one FileDescriptorSet.

usage: descriptors.py UNPACKED_WHEEL_DIR OUTPUT.binpb

The wheel (BSD-3-Clause) holds the serialized descriptors of model_config.proto and
grpc_service.proto; taking them from there needs neither protoc nor a checkout.
"""
import importlib
import sys
import types

# The packages' own __init__ would import the whole gRPC client: stand-ins with
# the same search path let the two generated modules load alone.
for name in ("tritonclient", "tritonclient.grpc"):
    package = types.ModuleType(name)
    package.__path__ = [sys.argv[1] + "/" + name.replace(".", "/")]
    sys.modules[name] = package

from google.protobuf import descriptor_pb2  # noqa: E402

files = descriptor_pb2.FileDescriptorSet()
for name in ("model_config_pb2", "service_pb2"):
    module = importlib.import_module("tritonclient.grpc." + name)
    module.DESCRIPTOR.CopyToProto(files.file.add())
with open(sys.argv[2], "wb") as out:
    out.write(files.SerializeToString(deterministic=True))
