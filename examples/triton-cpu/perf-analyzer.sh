#!/usr/bin/env bash
# Installs NVIDIA's perf_analyzer under .triton/tools and prints the path of a command that runs
# it. For figures side by side only: nothing of tritonsweep needs it.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tools=$state/tools
command=$tools/perf_analyzer

works() { [ -x "$command" ] && "$command" --version >/dev/null 2>&1; }

# libb64 is in no wheel. The package is unpacked, not installed: that needs no root.
fetch_libb64() {
  local deb=$tools/deb
  rm -rf "$deb"
  mkdir -p "$deb"
  have dpkg-deb || die 3 "missing: the library libb64.so.0d. Without apt, put it into $tools/lib"
  if ! (cd "$deb" && apt-get download -q libb64-0d) >"$tools/apt.log" 2>&1; then
    can_root || die 3 "apt has no index: run 'apt-get update' as root, then this again"
    as_root apt-get update -q >>"$tools/apt.log" 2>&1 || true
    (cd "$deb" && apt-get download -q libb64-0d) >>"$tools/apt.log" 2>&1 ||
      die 1 "apt could not fetch libb64-0d (whole log: $tools/apt.log)"
  fi
  dpkg-deb -x "$deb"/libb64-0d_*.deb "$deb"
  find "$deb" -name 'libb64.so.0d*' -exec cp -a {} "$tools/lib/" \;
  rm -rf "$deb"
}

install_all() {
  [ "$(uname -m)" = x86_64 ] || die 3 "NVIDIA's wheel holds x86_64 code, this machine is $(uname -m)"
  have unzip || apt_install unzip
  "$here/pip-download.sh" "$here/perf-analyzer-wheels.txt"
  mkdir -p "$tools/lib" "$tools/bin"
  unzip -q -o -j "$state"/downloads/tritonclient-*.whl '*/bin/perf_analyzer' -d "$tools/bin"
  unzip -q -o -j "$state"/downloads/nvidia_cuda_runtime_cu12-*.whl '*/libcudart.so.12' -d "$tools/lib"
  [ -e "$tools/lib/libb64.so.0d" ] || fetch_libb64
  chmod +x "$tools/bin/perf_analyzer"
  cat >"$command" <<'END'
#!/bin/sh
tools=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$tools/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$tools/bin/perf_analyzer" "$@"
END
  chmod +x "$command"
}

works || install_all
"$command" --version >&2 || die 1 "$command does not run on this machine (it needs glibc 2.35 or newer)"
printf '%s\n' "$command"
