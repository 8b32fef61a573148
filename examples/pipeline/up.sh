#!/usr/bin/env bash
# The gateway in a container beside the Triton of ../triton-cpu, on 127.0.0.1:4603.
# Run it as often as you like: an equal one stays. `up.sh image` only builds the image. Settings: GATEWAY_PORT, GATEWAY_NAME,
# GATEWAY_ARGS (flags of the gateway), and those of ../triton-cpu.
set -euo pipefail
# shellcheck source=../triton-cpu/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../triton-cpu/common.sh"

gateway_name=${GATEWAY_NAME:-tritonsweep-gateway}
gateway_port=${GATEWAY_PORT:-4603}
network=tritonsweep
context=$state/gateway
folder=$root/examples/pipeline

# build : prints the image's name. The binary's digest is its tag, so an equal one is not built twice.
build() {
  local image
  mkdir -p "$context"
  (cd "$root" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$context/gateway" ./examples/pipeline)
  image=tritonsweep-gateway:$(cat "$context/gateway" "$folder/Dockerfile" | sha256sum | cut -c1-12)
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    say "building $image"
    docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
    docker build --quiet --tag "$image" --file "$folder/Dockerfile" "$context" >"$state/gateway.log" 2>&1 || {
      tail -n 15 "$state/gateway.log" >&2
      die 1 "docker build failed (whole log: $state/gateway.log)"
    }
  fi
  printf '%s\n' "$image"
}

# join : on a network of their own the two find each other by name, also after a restart of Triton.
join() {
  docker network inspect "$network" >/dev/null 2>&1 || docker network create "$network" >/dev/null
  local members
  members=$(docker network inspect --format '{{range .Containers}}{{.Name}} {{end}}' "$network")
  case " $members" in
    *" $NAME "*) ;;
    *) docker network connect "$network" "$NAME" ;;
  esac
}

start() {
  local image=$1 wish present
  run=(
    --name "$gateway_name" --network "$network" --memory 3g --env GOMEMLIMIT=2600MiB --read-only --cap-drop ALL
    --publish "127.0.0.1:$gateway_port:4603"
    "$image" --triton "$NAME:8001" --listen 0.0.0.0:4603 --listen-anywhere
  )
  # shellcheck disable=SC2206  # a list of flags, split at blanks on purpose
  run+=(${GATEWAY_ARGS:-})
  wish=$(printf '%s\n' "${run[@]}" | sha256sum | cut -c1-16)
  present=$(NAME=$gateway_name container_wish)
  if [ "$present" = "running $wish" ]; then return; fi
  if [ -n "$present" ]; then docker rm --force "$gateway_name" >/dev/null; fi
  docker run --detach --label "tritonsweep.wish=$wish" "${run[@]}" >/dev/null ||
    die 1 "Docker refused the gateway (above). Where the port is taken: GATEWAY_PORT"
}

wait_ready() {
  local deadline=$((SECONDS + 30))
  while [ "$SECONDS" -lt "$deadline" ]; do
    [ "$(http_status "$gateway_port" /health)" = 200 ] && return
    sleep 0.2
  done
  docker logs --tail 5 "$gateway_name" >&2
  die 1 "the gateway does not find every model ready"
}

main() {
  if [ "${1:-}" = image ]; then # for compose.yaml
    build
    return
  fi
  if [ "$(http_status "$HTTP_PORT" /v2/health/ready)" != 200 ]; then "$examples/triton-cpu/up.sh" >&2; fi
  join
  start "$(build)"
  wait_ready
  echo "http://127.0.0.1:$gateway_port"
}

main "$@"
