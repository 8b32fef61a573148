# Settings and helpers shared by the scripts of this folder. Sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034  # the scripts that source this file use the settings

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
examples=$(dirname "$here")
root=$(dirname "$examples")

state=$root/.triton # everything made on this machine lies here; git ignores it
image_name=tritonsweep-triton-cpu
base_name=tritonsweep-base

NAME=${NAME:-tritonsweep-triton}
HTTP_PORT=${HTTP_PORT:-4600}
GRPC_PORT=${GRPC_PORT:-4601}
METRICS_PORT=${METRICS_PORT:-4602}
MODELS=$(realpath -m "${MODELS:-$state/models}") # Docker mounts absolute paths only

say() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE... : 3 means that this machine lacks something only its owner can add.
die() {
  local code=$1
  shift
  say "error: $*"
  exit "$code"
}

have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND... : runs it as root, by sudo where sudo asks no password.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 3
  fi
}

can_root() { as_root true; }

# container_wish : "STATE WISH" of the container NAME, nothing when there is none. Only up.sh puts a
# wish on a container, so one without is somebody else's and is left alone.
container_wish() {
  local found
  found=$(docker container inspect --format \
    '{{.State.Status}} {{index .Config.Labels "tritonsweep.wish"}}' "$NAME" 2>/dev/null) || return 0
  case $found in
    *' ') die 10 "the container $NAME was not made by up.sh: rename it, or set NAME" ;;
    *) printf '%s\n' "$found" ;;
  esac
}

# apt_install PACKAGE... : quiet, without recommended extras; the index is read once.
apt_install() {
  have apt-get || die 3 "missing: $*. No apt-get here, so install them by hand and run this again."
  can_root || die 3 "missing: $*. Run this as root, or first: sudo apt-get install $*"
  say "installing $*"
  mkdir -p "$state"
  {
    as_root apt-get update -q &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
  } >"$state/apt.log" 2>&1 || {
    tail -n 5 "$state/apt.log" >&2
    die 1 "apt-get could not install $* (whole log: $state/apt.log)"
  }
}

# http_status PORT PATH : the status code, or nothing when nobody answers in 5 s.
# Bash alone can do this, so a bare machine needs no curl. A plain TCP connect would
# prove nothing: Docker's port proxy accepts before Triton listens.
http_status() {
  # shellcheck disable=SC2016  # the inner bash expands $1 and $2
  timeout 5 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" "$2" >&3
    read -r _ code _ <&3 && printf "%s" "$code"' _ "$1" "$2" 2>/dev/null || true
}
