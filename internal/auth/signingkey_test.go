package auth_test

import (
	"io"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/auth"
)

// ringOf returns a keyring of one key.
func ringOf(t *testing.T, id, secret string) *auth.Keyring {
	t.Helper()
	ring, err := auth.NewKeyring(auth.Key{AccessKeyID: id, SecretAccessKey: secret})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// What is kept of a key to verify faster is of no use once the key is gone or has another secret, and comes back
// to life with it.
func TestKeptSigningKeysDieWithTheirKey(t *testing.T) {
	v := verifier(t, noon)
	first := v.Keys
	for _, turn := range []struct {
		what string
		keys *auth.Keyring
		want auth.Reason
		ok   bool
	}{
		{"a key", first, 0, true},
		{"the key again", first, 0, true},
		{"a key that is gone", ringOf(t, "ANOTHER", secret), auth.UnknownKey, false},
		{"another secret", ringOf(t, keyID, "another"), auth.Mismatch, false},
		{"another secret again", ringOf(t, keyID, "another"), auth.Mismatch, false},
		{"the first secret", first, 0, true},
	} {
		v.Keys = turn.keys
		for _, service := range []string{"personalize", "s3"} {
			r := signed(t, service, noon)
			s, err := auth.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(r, s, 1<<20)
			if turn.ok && err != nil || !turn.ok && !auth.IsReason(err, turn.want) {
				t.Errorf("%s, %s: Verify = %v, want accepted %t, reason %d", turn.what, service, err, turn.ok, turn.want)
			}
		}
	}
}

// Verify is what every request costs beside its work.
func BenchmarkVerify(b *testing.B) {
	v := verifier(b, noon)
	r := signed(b, "personalize", noon)
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader("{}"))
		s, err := auth.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.Verify(r, s, 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}
