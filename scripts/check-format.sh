#!/usr/bin/env bash
# Fails and lists the files if any Go file is not as gofmt writes it.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | while IFS= read -r -d '' f; do
    if [[ -f $f ]]; then printf '%s\0' "$f"; fi
done | xargs -0 gofmt -l)
if [[ -n $unformatted ]]; then
    echo "not formatted; run gofmt -w on:" >&2
    echo "$unformatted" >&2
    exit 1
fi
