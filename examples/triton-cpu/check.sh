#!/usr/bin/env bash
# One checked inference of each model (or of the models named): a table, and exit 0 when all are
# right. HTTP_PORT says which server.
set -euo pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

have python3 || apt_install python3
exec python3 "$here/check.py" "http://127.0.0.1:$HTTP_PORT" "$@"
