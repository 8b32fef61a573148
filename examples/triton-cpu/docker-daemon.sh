#!/usr/bin/env bash
# Makes a Docker daemon answer: installs one by apt and starts it when none does.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

answers() { have docker && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# A daemon that runs but refuses this user needs another cure than a missing one.
refused() {
  case $(docker version 2>&1 || true) in
    *'ermission denied'*) return 0 ;;
    *) return 1 ;;
  esac
}

start_by_hand() {
  local pidfile=$state/dockerd.pid log=$state/dockerd.log
  [ "$(id -u)" -eq 0 ] || die 3 "no systemd here: start dockerd as root, then run this again"
  # Left behind by a machine that went down, it would keep dockerd from starting.
  if [ -f "$pidfile" ] && ! kill -0 "$(cat "$pidfile")" 2>/dev/null; then rm -f "$pidfile"; fi
  say "starting dockerd (log: $log)"
  # After a daemon that was killed the first start can fail, waiting for the old containerd.
  for _ in 1 2 3; do
    # A session of its own: the daemon must outlive this shell. The lock of up.sh stays here.
    setsid dockerd --pidfile "$pidfile" ${DOCKER_DATA_ROOT:+--data-root "$DOCKER_DATA_ROOT"} \
      >>"$log" 2>&1 </dev/null 9>&- &
    local daemon=$!
    for _ in $(seq 120); do
      answers && return
      kill -0 "$daemon" 2>/dev/null || break
      sleep 0.5
    done
  done
  tail -n 5 "$log" >&2
  die 1 "dockerd does not answer (whole log: $log)"
}

mkdir -p "$state"
answers && exit 0
if have docker && refused; then
  die 3 "Docker runs, but not for $(id -un): run this as root, or add the user to the docker group"
fi
missing=()
have dockerd || missing+=(docker.io)
have iptables || missing+=(iptables)
if [ "${#missing[@]}" -gt 0 ]; then apt_install "${missing[@]}"; fi
answers && exit 0
if [ -d /run/systemd/system ]; then
  as_root systemctl start docker || die 3 "cannot start Docker: run 'systemctl start docker' as root"
  answers || die 1 "Docker was started and does not answer: see 'journalctl -u docker'"
else
  start_by_hand
fi
