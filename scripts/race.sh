#!/usr/bin/env bash
# Runs the tests of the packages that share memory between goroutines under the race detector, which
# needs cgo and thus a C compiler. Long and heavy tests leave themselves out in -short.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v "$(go env CC)" >/dev/null; then
    echo "the race detector needs a C compiler; none found as $(go env CC)" >&2
    exit 1
fi
CGO_ENABLED=1 go test -race -short -timeout 10m \
    ./internal/app/... ./internal/auth/... ./internal/batch/... ./internal/blob/... ./internal/catalog/... \
    ./internal/dataset/... ./internal/driver/... ./internal/filter/... ./internal/job/... ./internal/num/... \
    ./internal/recipe/... ./internal/server/... ./internal/train/... ./internal/wire/...
