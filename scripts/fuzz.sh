#!/usr/bin/env bash
# Runs every fuzz target of the tree, two at a time with one worker each, to keep two cores busy: the
# readers of what strangers send, and targets that are named, for TIME, the others for 10 seconds. A target
# that fails leaves its input in the package's testdata/fuzz: commit it with the fix.
# Interesting inputs are hardly minimised: that would take most of the time.
#
#   scripts/fuzz.sh [TIME [NAME…]]      scripts/fuzz.sh 60s filter.FuzzParse table.FuzzCSV
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-60s}
shift || true
named=$*

# These have to exist: the readers of what strangers send.
required=(auth.FuzzParse batch.FuzzLine dataset.FuzzSchema filter.FuzzParse filter.FuzzValues table.FuzzCSV wire.FuzzDecode)

# "./internal/filter FuzzParse" per line
targets() {
    grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+\(f \*testing\.F' cmd internal |
        sed -E 's#^(.*)/[^/]+:func (Fuzz[A-Za-z0-9_]+).*#./\1 \2#' | LC_ALL=C sort -u
}
name() { echo "$(basename "$1").$2"; }

list=$(targets)
found=" $(while read -r pkg target; do name "$pkg" "$target"; done <<<"$list" | tr '\n' ' ')"
for want in "${required[@]}" "$@"; do
    if [[ $found != *" $want "* ]]; then
        echo "fuzz target $want is missing" >&2
        exit 1
    fi
done
if (($#)); then
    list=$(while read -r pkg target; do
        if [[ " $* " == *" $(name "$pkg" "$target") "* ]]; then echo "$pkg $target"; fi
    done <<<"$list")
fi

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

fuzz() { # package, target
    local log duration=10s
    log=$logs/$(name "$1" "$2")
    if [[ " ${required[*]} $named " == *" $(name "$1" "$2") "* ]]; then
        duration=$time
    fi
    if go test -run '^$' -fuzz "^$2\$" -fuzztime "$duration" -fuzzminimizetime 10x -parallel 1 "$1" >"$log" 2>&1; then
        echo "ok    $(name "$1" "$2"): $(grep -E '^fuzz: elapsed' "$log" | tail -1 | sed 's/^fuzz: //')"
    else
        echo "FAIL  $(name "$1" "$2")"
        sed 's/^/      /' "$log"
        return 1
    fi
}

failed=0
running=0
while read -r pkg target; do
    if ((running == 2)); then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$pkg" "$target" &
    running=$((running + 1))
done <<<"$list"
while ((running > 0)); do
    wait -n || failed=1
    running=$((running - 1))
done
exit $failed
