#!/usr/bin/env bash
# make test: sets up what is missing, runs every test, and says in its last
# lines what was not run and why. REQUIRE_REAL=1 makes that a failure.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .ci/setup.sh
mkdir -p build
need_go
need_browser >/dev/null
need_triton

failed=0
go vet ./... || failed=1
# Tests of the real server share one container, so their packages take turns.
env -u TRITONSWEEP_REAL go test -count=1 -timeout 25m ./... 2>&1 | tee build/test.log || failed=1
make --no-print-directory test-grafana || failed=1
real='^Test(Real|Fault67Real|Fault69)'
if [ "${TRITONSWEEP_REAL:-}" = 1 ]; then
  go test -count=1 -p 1 -timeout 25m -v -run "$real" ./runner/... ./cmd/... 2>&1 | tee build/real.log |
    grep -E '^ *(---|ok|FAIL|PASS|panic)|^ +[a-z_]+\.go:[0-9]+: ' || true
  [ "${PIPESTATUS[0]}" = 0 ] || failed=1
  ran=$(grep -cE -- "^--- PASS: ${real#^}" build/real.log)
  grep -qE '^(--- FAIL|FAIL|panic:)' build/real.log && failed=1
  [ "$ran" -gt 0 ] || { failed=1; say "no test of the real Triton ran"; }
  say "on the real Triton: $ran tests passed"
fi

for reason in "${missing[@]}"; do say "NOT RUN: $reason"; done
if [ "${REQUIRE_REAL:-}" = 1 ] && [ "${#missing[@]}" -gt 0 ]; then failed=1; fi
if [ "$failed" = 0 ]; then say "all tests that ran passed"; else say "FAILED"; fi
exit "$failed"
