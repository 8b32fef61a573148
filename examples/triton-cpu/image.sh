#!/usr/bin/env bash
# Builds the CPU image without a registry and prints its name. Its tag is a digest of all
# inputs: an image of that tag is never built twice, a changed input gives a new tag.
# BASE_IMAGE=python:3.11-slim-bookworm (any image with Python 3.11) takes debootstrap's place.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=bookworm
packages=python3,libpython3.11,ca-certificates
downloads=$state/downloads
context=$state/image

tag() {
  {
    cat "$here/Dockerfile" "$here/wheels.txt"
    printf '%s\n' "$suite" "$packages" "${BASE_IMAGE:-}"
  } | sha256sum | cut -c1-12
}

lay_out_context() {
  local unpacked=$state/unpacked server
  have unzip || apt_install unzip
  rm -rf "$context" "$unpacked"
  mkdir -p "$context"/{tritonserver/lib,python,ppocr} "$unpacked"
  unzip -q "$downloads"/nvidia_pytriton-*.whl -d "$unpacked/server"
  unzip -q "$downloads"/rapidocr_onnxruntime-*.whl 'rapidocr_onnxruntime/models/*' -d "$unpacked/ppocr"
  unzip -q "$downloads"/numpy-*.whl -d "$context/python"
  unzip -q "$downloads"/onnxruntime-*.whl -d "$context/python"

  server=$unpacked/server/pytriton/tritonserver
  cp -a "$server"/{bin,backends,caches} "$context/tritonserver/"
  cp -a "$server/python_backend_stubs/3.11/triton_python_backend_stub" "$context/tritonserver/backends/python/"
  cp -a "$unpacked"/server/nvidia_pytriton.libs/* "$context/tritonserver/lib/"
  # Only the stubs of other Python versions need this one, and it is large.
  rm -f "$context"/tritonserver/lib/libpython3-*.so*
  chmod +x "$context"/tritonserver/bin/* "$context"/tritonserver/backends/python/*stub
  cp -a "$unpacked"/ppocr/rapidocr_onnxruntime/models/ch_PP-OCRv4_{det,rec}_infer.onnx "$context/ppocr/"
  cp "$here/Dockerfile" "$context/"
  rm -rf "$unpacked"
}

# A Debian of its own, without a registry.
build_base() {
  local rootfs=$state/rootfs log=$state/debootstrap.log
  can_root || die 3 "debootstrap needs root: run this as root, or set BASE_IMAGE=python:3.11-slim-bookworm"
  have debootstrap || apt_install debootstrap debian-archive-keyring
  say "building a Debian $suite base (about a minute)"
  as_root rm -rf "$rootfs"
  as_root debootstrap --variant=minbase --include="$packages" \
    "$suite" "$rootfs" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    die 1 "debootstrap failed (whole log: $log); DEBIAN_MIRROR=URL sets another mirror"
  }
  as_root rm -rf "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/lib/apt/lists/*
  as_root tar -C "$rootfs" -c . | docker import - "$1" >/dev/null
  as_root rm -rf "$rootfs"
}

main() {
  local image base
  image=$image_name:$(tag)
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    [ "$(uname -m)" = x86_64 ] || die 3 "NVIDIA's wheel holds x86_64 code, this machine is $(uname -m): set TRITON_IMAGE"
    base=${BASE_IMAGE:-$base_name:$suite}
    "$here/pip-download.sh" "$here/wheels.txt"
    lay_out_context
    if [ -z "${BASE_IMAGE:-}" ] && ! docker image inspect "$base" >/dev/null 2>&1; then build_base "$base"; fi
    say "building $image"
    # The classic builder is everywhere; BuildKit is used where the client has it.
    docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
    docker build --quiet --build-arg BASE="$base" --tag "$image" "$context" >"$state/build.log" 2>&1 || {
      tail -n 15 "$state/build.log" >&2
      die 1 "docker build failed (whole log: $state/build.log)"
    }
    rm -rf "$context"
  fi
  printf '%s\n' "$image"
}

main
