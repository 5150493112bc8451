#!/usr/bin/env bash
# Which operations a client's suite had answered, from the log of the server that it ran against.
#
#   scripts/clients.sh aws-cli LOG check     fails if the record differs from what the log shows
#   scripts/clients.sh aws-cli LOG update    rewrites the record
#
# The records are internal/conformance/testdata/clients; docs/coverage.md is made from them.
set -euo pipefail
cd "$(dirname "$0")/.."

record=internal/conformance/testdata/clients/$1.txt
seen=$(sed -nE 's/.*msg=request operation=([A-Za-z]+) status=200 .*/\1/p' "$2" | LC_ALL=C sort -u)
if [[ -z $seen ]]; then
    echo "$2 has no line of an answered request" >&2
    exit 1
fi
case $3 in
update)
    mkdir -p "$(dirname "$record")"
    echo "$seen" >"$record"
    ;;
check)
    if ! diff <(cat "$record" 2>/dev/null) <(echo "$seen"); then
        echo "$record is not what the suite exercised (< recorded, > exercised)." >&2
        echo "Run it with KINDRED_RECORD=update, then make generate." >&2
        exit 1
    fi
    ;;
*)
    echo "expected check or update, not $3" >&2
    exit 2
    ;;
esac
