#!/usr/bin/env bash
# Makes a screenshot of a live page: docs/screenshot.sh URL OUT.png [WIDTH HEIGHT]. Needs chromium, node and npm. Fails
# on a script error, or if no chart appears.
set -euo pipefail
tests=$(dirname "$0")/../src/test/web
[ -d "$tests/node_modules/playwright-core" ] || npm ci --silent --no-fund --no-audit --prefix "$tests"
exec node "$tests/screenshot.mjs" "$@"
