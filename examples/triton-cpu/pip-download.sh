#!/usr/bin/env bash
# pip-download.sh FILE : fetches the wheels that FILE names into .triton/downloads, for Python 3.11
# on x86_64 Linux whatever this machine runs. Every wheel has a digest in FILE: pip refuses another,
# and an earlier download of the same digest is used as it is.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

requirements=$1
downloads=$state/downloads

complete() {
  local digest present
  present=$(find "$downloads" -name '*.whl' -exec sha256sum {} +)
  while read -r digest; do
    case $present in
      *"$digest"*) ;;
      *) return 1 ;;
    esac
  done < <(sed -n 's/.*--hash=sha256://p' "$requirements")
}

main() {
  local python=python3
  mkdir -p "$downloads"
  if complete; then return; fi
  "$python" -m pip --version >/dev/null 2>&1 || python=/usr/bin/python3
  "$python" -m pip --version >/dev/null 2>&1 || apt_install python3 python3-pip
  say "downloading the packages of $(basename "$requirements")"
  "$python" -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
    --disable-pip-version-check \
    --implementation cp --python-version 3.11 --abi cp311 --abi none \
    --platform manylinux_2_35_x86_64 --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
    --platform manylinux2014_x86_64 --platform manylinux1_x86_64 \
    --dest "$downloads" --requirement "$requirements" >&2 ||
    die 1 "pip could not fetch the packages of $requirements: is a package index reachable?"
}

main
