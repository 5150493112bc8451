#!/usr/bin/env bash
# Regenerates what is generated and fails if anything differs from what was there. The new files stay, so
# that the remedy is to look at them and commit.
set -euo pipefail
cd "$(dirname "$0")/.."

generated() {
    grep -rlE --include='*.go' --include='*.s' '^// Code generated .* DO NOT EDIT\.$' cmd internal | LC_ALL=C sort
    echo docs/coverage.md
}
sums() { generated | while read -r f; do
    if [[ -f $f ]]; then git hash-object "$f" | tr '\n' ' '; else printf 'missing '; fi
    echo "$f"
done; }

before=$(sums)
make --no-print-directory generate
after=$(sums)
if [[ $before != "$after" ]]; then
    echo "generated files were out of date and are new now; commit them:" >&2
    diff <(echo "$before") <(echo "$after") | sed -n 's/^> [0-9a-f]* /    /p' >&2
    exit 1
fi
