package conformance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the record of what was exercised")

// exercisedFile is the record of outcomes, from which docs/coverage.md is made.
const exercisedFile = "testdata/exercised.json"

// outcomes are what every call of this package came to.
var outcomes = &record{seen: map[string]map[string]bool{}}

// A record holds the classes of outcome by operation.
type record struct {
	mu   sync.Mutex
	seen map[string]map[string]bool
}

// classes are the outcomes that count, by exception.
var classes = map[string]string{
	"":                               wire.Succeeds,
	"InvalidInputException":          wire.Validates,
	"SerializationException":         wire.Validates,
	"ResourceNotFoundException":      wire.MissesParent,
	"ResourceInUseException":         wire.ChecksState,
	"ResourceAlreadyExistsException": wire.FindsTaken,
	"LimitExceededException":         wire.Limits,
	"InvalidNextTokenException":      wire.ChecksToken,
	"TooManyTagsException":           wire.Limits,
	"TooManyTagKeysException":        wire.Limits,
}

func (r *record) note(op string, got reply) {
	class, ok := classes[got.kind]
	if !ok || got.status >= 500 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[op] == nil {
		r.seen[op] = map[string]bool{}
	}
	r.seen[op][class] = true
}

func (r *record) file() []byte {
	sorted := map[string][]string{}
	for op, classes := range r.seen {
		sorted[op] = slices.Sorted(maps.Keys(classes))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	_ = e.Encode(sorted) // maps of strings always encode
	return b.Bytes()
}

// checkBehaves fails, after all tests, for an operation of the control plane that was not seen to behave,
// whether the server has it or not.
func (r *record) checkBehaves() int {
	seen := wire.Exercised{Outcomes: map[string][]string{}}
	for op, classes := range r.seen {
		seen.Outcomes[op] = slices.Collect(maps.Keys(classes))
	}
	status := 0
	for i := range api.Operations {
		op := &api.Operations[i]
		if op.Service != "personalize" {
			continue
		}
		if missing := seen.Missing(op); len(missing) > 0 {
			fmt.Fprintf(os.Stderr, "FAIL: no test brought %s to these outcomes: %v\n", op.Name, missing)
			status = 1
		}
	}
	return status
}

// finish writes the record, or compares it after a run of all tests, and returns the exit status. A run of
// some tests exercises less and says nothing.
func (r *record) finish() int {
	if *update {
		if err := os.WriteFile(exercisedFile, r.file(), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" || flag.Lookup("test.list").Value.String() != "" ||
		flag.Lookup("test.fuzz").Value.String() != "" || flag.Lookup("test.short").Value.String() == "true" {
		return 0
	}
	if status := r.checkBehaves(); status != 0 {
		return status
	}
	kept, err := os.ReadFile(exercisedFile)
	if diff := cmp.Diff(string(kept), string(r.file())); diff != "" || err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: %s is not what was exercised (- kept, + exercised); run the tests with -update and make generate. %v\n%s", exercisedFile, err, diff)
		return 1
	}
	return 0
}
