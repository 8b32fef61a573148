#!/usr/bin/env bash
# Removes the gateway's container and its network. Triton stays.
set -euo pipefail
# shellcheck source=../triton-cpu/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../triton-cpu/common.sh"

gateway_name=${GATEWAY_NAME:-tritonsweep-gateway}
if [ -n "$(NAME=$gateway_name container_wish)" ]; then docker rm --force "$gateway_name" >/dev/null; fi
docker network disconnect tritonsweep "$NAME" >/dev/null 2>&1 || true
docker network rm tritonsweep >/dev/null 2>&1 || true
