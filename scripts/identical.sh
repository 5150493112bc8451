#!/usr/bin/env bash
# Trains a model and answers a batch job with the kernels and without them, with one processor and with two, each
# time from the beginning; the outputs must be the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/kernels" ./bench
go build -tags noasm -o "$dir/plain" ./bench

first=
for run in "kernels 1" "kernels 2" "plain 2"; do
    read -r build processors <<<"$run"
    said=$(GOMAXPROCS=$processors "$dir/$build" -what bytes)
    printf '%-8s %s processors: %s\n' "$build" "$processors" "$said"
    if [[ -z $said || $said != "${first:=$said}" ]]; then
        echo "the output is not the same, or there is none" >&2
        exit 1
    fi
done
