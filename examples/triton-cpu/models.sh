#!/usr/bin/env bash
# Fills the model repository that the container mounts: a copy, for a sweep rewrites configs.
# One that is there is kept as it is. FRESH=1 renews it, ONLY="MODEL..." copies just these,
# REAL=1 adds the _real models. Prints `changed` when it changed anything.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Links are followed: each model of the copy stands alone.
add() { cp -aL "$examples/$1/$2" "$MODELS/"; }

# What differs, apart from models that only the copy has.
differences() { diff -rq "$examples/models" "$MODELS" | grep -v "^Only in $MODELS:" || true; }

main() {
  local model changed=
  mkdir -p "$MODELS"
  if [ "${FRESH:-0}" = 1 ]; then
    # The folder itself stays: a running container has mounted this very folder.
    find "$MODELS" -mindepth 1 -delete
  fi
  if [ -z "$(ls -A "$MODELS")" ]; then
    for model in ${ONLY:-$(ls "$examples/models")}; do
      [ -d "$examples/models/$model" ] || die 10 "no model '$model' in $examples/models"
      add models "$model"
    done
    changed=changed
  elif [ -z "${ONLY:-}" ] && [ -n "$(differences)" ]; then
    say "note: $MODELS is kept, and differs from examples/models (FRESH=1 renews it)"
  fi
  if [ "${REAL:-0}" = 1 ] && [ ! -e "$MODELS/paddleocr_det_trt_real" ]; then
    for model in "$examples"/models-real/*/; do add models-real "$(basename "$model")"; done
    changed=changed
  fi
  printf '%s\n' "$changed"
}

main
