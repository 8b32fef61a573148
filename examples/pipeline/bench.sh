#!/usr/bin/env bash
# Measures the four pipelines at 1, 4, 16 and 64 clients and leaves a report in out/pipelines.
# On the running container of ../triton-cpu with the gateway in a container beside it; where none
# runs, or with SIM=1, on the simulated server and the gateway as two processes.
# Settings: DURATION of a point, CLIENTS, ROUNDS, OUT.
set -euo pipefail
# shellcheck source=../triton-cpu/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../triton-cpu/common.sh"

out=${OUT:-$root/out/pipelines}
tool=$root/build/tritonsweep
processes=()

stop() {
  local process
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  wait
}
trap stop EXIT

# simulated : starts both as processes on free ports; leaves the API's address in `api`.
simulated() {
  local gateway=$root/build/gateway grpc
  (cd "$root" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$gateway" ./examples/pipeline)
  "$tool" simulate --repository "$examples/models" >"$out/triton.txt" 2>"$out/triton.log" &
  processes+=($!)
  await "$out/triton.txt" '^grpc '
  grpc=$(sed -n 's/^grpc *//p' "$out/triton.txt")
  "$gateway" --triton "$grpc" --listen 127.0.0.1:0 >"$out/gateway.txt" 2>"$out/gateway.log" &
  processes+=($!)
  await "$out/gateway.txt" '^http'
  api=$(cat "$out/gateway.txt")
}

# await FILE PATTERN : until a line of it is there.
await() {
  local deadline=$((SECONDS + 60))
  until grep -q "$2" "$1" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || die 1 "no line like $2 in $1 after a minute"
    sleep 0.1
  done
}

main() {
  local code=0
  mkdir -p "$out"
  (cd "$root" && go run ./examples/pipeline --pictures out/pictures --count 8 --size "${SIZE:-800x600}")
  if [ "${SIM:-0}" != 1 ] && [[ $(container_wish 2>/dev/null) == running* ]]; then
    api=$("$root/examples/pipeline/up.sh")
    say "measuring the container $NAME through $api"
  else
    simulated
    say "measuring the simulated server through $api: the figures say nothing about a real one"
  fi
  # 4 is a missed goal, 3 a point without a usable round: the report says so, and is what is wanted.
  "$tool" pipeline --spec "$root/examples/pipeline/pipelines.yaml" --base-url "$api" \
    --concurrency "${CLIENTS:-1,4,16,64}" --duration "${DURATION:-50s}" --rounds "${ROUNDS:-1}" \
    --db "$out/run.db" --output "$out" >"$out/report.txt" || code=$?
  cat "$out/report.txt"
  case $code in
    0 | 3 | 4) say "open $out/report.html" ;;
    *) exit "$code" ;;
  esac
}

main
