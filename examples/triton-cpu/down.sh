#!/usr/bin/env bash
# Removes the container. PURGE=1 also removes the images and .triton, and stops the Docker daemon
# that up.sh started by hand, unless other containers exist.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stop_own_daemon() {
  local pidfile=$state/dockerd.pid
  [ -f "$pidfile" ] || return 0
  if [ -n "$(docker ps --all --quiet)" ]; then
    say "dockerd (process $(cat "$pidfile")) keeps running: there are other containers"
    return 0
  fi
  as_root kill "$(cat "$pidfile")" 2>/dev/null || true
}

if have docker && docker version >/dev/null 2>&1; then
  present=$(container_wish)
  if [ -n "$present" ]; then docker rm --force "$NAME" >/dev/null; fi
  if [ "${PURGE:-0}" = 1 ]; then
    for image in $(docker images --quiet "$image_name") $(docker images --quiet "$base_name"); do
      docker rmi --force "$image" >/dev/null 2>&1 || say "image $image is still in use and stays"
    done
    stop_own_daemon
  fi
fi
if [ "${PURGE:-0}" = 1 ]; then as_root rm -rf "$state" || die 3 "cannot remove $state: run this as root"; fi
