#!/usr/bin/env bash
# From a bare Debian or Ubuntu machine to a running, ready Triton with the seven models.
# Run it as often as you like: what is there and right stays. See README.md for the settings.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mode=${MODEL_CONTROL_MODE:-none}

# The whole wish, as arguments of `docker run`. Its digest is put on the container as a label, so
# that a container made from another wish is known and replaced.
container_arguments() {
  local image=$1
  run=(
    --name "$NAME"
    --init # Triton as process 1 would not hear a SIGTERM that comes while it loads models
    --stop-timeout 60 # an instance takes a second to stop, one after the other
    --shm-size "${SHM_SIZE:-1g}" --memory "${MEMORY:-4g}"
    --publish "127.0.0.1:$HTTP_PORT:8000"
    --publish "127.0.0.1:$GRPC_PORT:8001"
    --publish "127.0.0.1:$METRICS_PORT:8002"
    --volume "$MODELS:/models:ro"
    --env PYTHONDONTWRITEBYTECODE=1
    --env "TRITONSWEEP_TIME_SCALE=${TIME_SCALE:-1}"
  )
  case ${TRITON_IMAGE:+$(docker info --format '{{json .Runtimes}}')} in
    *nvidia*) run+=(--gpus all) ;;
  esac
  # shellcheck disable=SC2206  # a list of flags, split at blanks on purpose
  run+=(${DOCKER_ARGS:-})
  run+=("$image" tritonserver --model-repository=/models "--model-control-mode=$mode"
    --model-load-thread-count=8) # all models at once; the default is two rounds on few cores
  case $mode in
    none) ;;
    explicit) run+=('--load-model=*') ;;
    poll) run+=("--repository-poll-secs=${POLL_SECONDS:-5}") ;;
    *) die 10 "MODEL_CONTROL_MODE is none, explicit or poll, not '$mode'" ;;
  esac
  # shellcheck disable=SC2206  # a list of flags, split at blanks on purpose
  run+=(${EXTRA_ARGS:-})
}

# start CHANGED : leaves the container running; made anew when it was made from another wish,
# restarted when its models changed.
start() {
  local changed=$1 wish present
  wish=$(printf '%s\n' "${run[@]}" | sha256sum | cut -c1-16)
  present=$(container_wish)
  case $present in
    "running $wish")
      if [ -n "$changed" ]; then docker restart -t 60 "$NAME" >/dev/null; fi
      ;;
    *" $wish") docker start "$NAME" >/dev/null ;;
    *)
      if [ -n "$present" ]; then docker rm --force "$NAME" >/dev/null; fi
      docker run --detach --label "tritonsweep.wish=$wish" "${run[@]}" >/dev/null && return
      docker rm --force "$NAME" >/dev/null 2>&1 || true
      die 1 "Docker refused the container (above). Where a port is taken: HTTP_PORT, GRPC_PORT, METRICS_PORT"
      ;;
  esac
}

# why_not : how the container stands and what Triton said against starting, this time. A missing
# GPU is not among the reasons. A crash says nothing like that: then the last lines must do.
why_not() {
  local since log reasons
  since=$(docker container inspect --format '{{.State.StartedAt}}' "$NAME")
  docker container inspect --format \
    '{{.Name}}: {{.State.Status}}, exit code {{.State.ExitCode}}, out of memory: {{.State.OOMKilled}}' "$NAME" >&2
  log=$(docker logs --since "$since" "$NAME" 2>&1 || true)
  reasons=$(grep -E '^[EF][0-9]{4}|^error:' <<<"$log" | grep -v CudaDriverHelper | tail -n 5 || true)
  printf '%s\n' "${reasons:-$(tail -n 5 <<<"$log")}" >&2
}

wait_ready() {
  local deadline=$((SECONDS + ${READY_TIMEOUT:-120}))
  while [ "$SECONDS" -lt "$deadline" ]; do
    [ "$(http_status "$HTTP_PORT" /v2/health/ready)" = 200 ] && return
    if [ "$(docker container inspect --format '{{.State.Running}}' "$NAME")" != true ]; then
      why_not
      die 1 "Triton did not start (above). A refused config: repair $MODELS and run this again, or FRESH=1 renews it"
    fi
    sleep 0.2
  done
  why_not
  die 1 "Triton is not ready after ${READY_TIMEOUT:-120} s: docker logs $NAME"
}

report() {
  cat <<END
$NAME is ready
  HTTP        127.0.0.1:$HTTP_PORT
  gRPC        127.0.0.1:$GRPC_PORT
  metrics     127.0.0.1:$METRICS_PORT
  repository  $MODELS
try: go run ./cmd/tritonsweep queue-delay --model arcface_w600k_r50 --container $NAME --repository $MODELS
END
}

main() {
  local image changed
  if [ -n "${TRITON_IMAGE:-}" ] && [ "${REAL:-0}" = 1 ]; then
    die 10 "REAL=1 needs onnxruntime and the networks, which only our own image holds: not with TRITON_IMAGE"
  fi
  mkdir -p "$state"
  exec 9>"$state/up.lock"
  flock 9 # two at once would build the same image twice
  "$here/docker-daemon.sh"
  image=${TRITON_IMAGE:-$("$here/image.sh")}
  changed=$("$here/models.sh")
  container_arguments "$image"
  start "$changed"
  wait_ready
  report
}

main
