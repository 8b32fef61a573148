#!/usr/bin/env bash
# bench.sh NAME "SPEC..." [FLAG...] : sweeps by specs of this folder, one run each, and leaves one
# summary in out/NAME. On the running container of ../triton-cpu, else on the simulated server.
# One that was ended by anything goes on where it was; a finished one begins anew.
# Settings: OUT, ON (flags that name the server), ARGS (more flags).
set -euo pipefail
# shellcheck source=../triton-cpu/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../triton-cpu/common.sh"

name=$1 specs=$2
shift 2
out=${OUT:-$root/out}/$name
tool=$root/build/tritonsweep

# server : the flags that name it.
server() {
  if [ -n "${ON:-}" ]; then
    echo "$ON"
  elif [[ $(container_wish 2>/dev/null) == running* ]]; then
    echo "--container $NAME"
  else
    echo --sim
  fi
}

# sums : of the config files that the container serves.
sums() {
  local folder
  case $on in --sim*) return ;; esac
  folder=$(docker container inspect --format '{{range .Mounts}}{{if eq .Destination "/models"}}{{.Source}}{{end}}{{end}}' "$NAME" 2>/dev/null) || return 0
  [ -z "$folder" ] || sha256sum "$folder"/*/config.pbtxt
}

# kept : whether what lies in $out was ended before its end, on this server.
kept() { [ -f "$out/begun" ] && [ ! -f "$out/summary.html" ] && [ "$(cat "$out/begun")" = "$on $*" ]; }

# run SPEC FLAG... : sweeps by a spec, or goes on with it. 3 is a point that could not be measured,
# which the report says.
run() {
  local spec=$1 code=0
  shift
  if [ -f "$out/$spec.begun" ]; then
    "$tool" resume --db "$out/run.db" --yes >/dev/null || code=$?
    [ $code = 10 ] || return $code # 10: it was ended before there was a run
    code=0
  fi
  touch "$out/$spec.begun"
  # shellcheck disable=SC2086  # lists of flags, split at blanks on purpose
  "$tool" sweep -f "$root/examples/specs/$spec.yaml" $on "$@" --db "$out/run.db" --yes ${ARGS:-} >/dev/null || code=$?
  return $code
}

main() {
  on=$(server)
  if kept "$@"; then
    say "going on with $out (rm -r it for a new one)"
  else
    rm -rf "$out"
    mkdir -p "$out"
    sums >"$out/configs.sha256"
    echo "$on $*" >"$out/begun"
  fi
  local spec code
  for spec in $specs; do
    [ ! -f "$out/$spec.done" ] || continue
    code=0
    run "$spec" "$@" || code=$?
    [ $code = 0 ] || [ $code = 3 ] || exit $code
    touch "$out/$spec.done"
  done
  [ ! -s "$out/configs.sha256" ] || sha256sum --check --quiet "$out/configs.sha256" >&2 ||
    die 20 "a config file differs from before (hint: $tool restore)"
  "$tool" summary --db "$out/run.db" --output "$out"
  say "open $out/summary.html"
}

main "$@"
