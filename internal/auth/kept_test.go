package auth

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// However many regions a client makes up, few of its signing keys are kept, and the last one is.
func TestSigningKeysAreBounded(t *testing.T) {
	var table signingKeys
	k := Key{AccessKeyID: "KINDTEST", SecretAccessKey: "secret"}
	for i := range 10 * maxSigningKeys {
		s := &Signature{AccessKeyID: k.AccessKeyID, Date: "20260304", Region: "moon-" + strconv.Itoa(i), Service: Personalize}
		made := table.of(s, k)
		if len(table.kept) > 0 && table.kept[s.derivation()] != nil {
			t.Fatalf("of(%s) kept a key that no signature was verified with", s.Region)
		}
		table.remember(s, made)
		if table.of(s, k) != made || len(table.kept) > maxSigningKeys {
			t.Fatalf("remember(%s): %d keys are kept, want at most %d and this one among them", s.Region, len(table.kept), maxSigningKeys)
		}
	}
}

// valuesOf finds what Header.Values finds.
func TestValuesOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := http.Header{}
		name := rapid.StringMatching(`[a-zA-Z0-9\-_. ü]{0,70}`)
		for _, n := range rapid.SliceOfN(name, 1, 4).Draw(t, "names") {
			h.Add(n, "value of "+n)
			if lower := strings.ToLower(n); !slices.Equal(valuesOf(h, lower), h.Values(lower)) {
				t.Fatalf("valuesOf(%q) = %q, want %q", lower, valuesOf(h, lower), h.Values(lower))
			}
		}
	})
}
