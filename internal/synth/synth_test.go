package synth

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

var small = Shape{Users: 200, Items: 100, Events: 5000, Seed: 7}

func interactions(t *testing.T, s Shape) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := New(s).Interactions(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSameShapeSameBytes(t *testing.T) {
	if first, second := interactions(t, small), interactions(t, small); first != second {
		t.Error("two worlds of one shape differ")
	}
	other := small
	other.Seed++
	if interactions(t, small) == interactions(t, other) {
		t.Error("worlds of two seeds are the same")
	}
}

// A tenth of the items gets far more than a tenth of the events, and nobody takes an item twice.
func TestLooksLikeLife(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(interactions(t, small)), "\n")[1:]
	if len(lines) < small.Events/2 {
		t.Fatalf("%d events, want about %d", len(lines), small.Events)
	}
	count := map[string]int{}
	pairs := map[string]bool{}
	for _, l := range lines {
		f := strings.Split(l, ",")
		count[f[1]]++
		if pair := f[0] + f[1]; pairs[pair] {
			t.Fatalf("%s took %s twice", f[0], f[1])
		} else {
			pairs[pair] = true
		}
	}
	var counts []int
	for _, c := range count {
		counts = append(counts, c)
	}
	slices.Sort(counts)
	slices.Reverse(counts)
	top := 0
	for _, c := range counts[:small.Items/10] {
		top += c
	}
	if share := float64(top) / float64(len(lines)); share < 0.2 {
		t.Errorf("the top tenth of the items has %.2f of the events, want at least 0.2", share)
	}
}
