#!/usr/bin/env bash
# Runs the tests of the packages that share memory between goroutines under the race detector, which
# needs cgo and thus a C compiler. Long and heavy tests leave themselves out in -short.
set -euo pipefail
cd "$(dirname "$0")/.."

compiler=$(go env CC)
if ! command -v "${compiler%% *}" >/dev/null; then
    echo "the race detector needs a C compiler, and there is no $compiler; set CC" >&2
    exit 1
fi
CGO_ENABLED=1 go test -race -short -timeout 10m \
    ./internal/app/... ./internal/auth/... ./internal/batch/... ./internal/blob/... ./internal/catalog/... \
    ./internal/dataset/... ./internal/driver/... ./internal/filter/... ./internal/job/... ./internal/num/... \
    ./internal/recipe/... ./internal/server/... ./internal/train/... ./internal/wire/...
CGO_ENABLED=1 go test -race -short -timeout 10m ./internal/conformance -run 'TestStress|TestWalk'
