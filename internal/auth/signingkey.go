package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"sync"
)

// maxSigningKeys bounds how many signing keys are kept. A client uses one a day, region and service.
const maxSigningKeys = 256

// A derivation is what a signing key is derived for.
type derivation struct{ keyID, date, region, service string }

// A signingKey is derived from a secret for a day, a region and a service.
type signingKey struct {
	secret string // it was derived from
	key    []byte // not to be changed
	macs   sync.Pool
}

func (k *signingKey) init() *signingKey {
	k.macs.New = func() any { return hmac.New(sha256.New, k.key) }
	return k
}

// hexOf returns the signature of a text in hexadecimal.
func (k *signingKey) hexOf(text []byte) (out [2 * sha256.Size]byte) {
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	mac.Write(text)
	var sum [sha256.Size]byte
	hex.Encode(out[:], mac.Sum(sum[:0]))
	return out
}

// signingKeys keeps signing keys, since deriving one takes four times what verifying with it does.
//
// A key is remembered when a signature by it held, so that nobody without a secret fills the table, and is
// of use only beside the secret it came from: an access key that is gone is not found and asks for none here,
// one whose secret changed derives anew. The table is emptied when it is full, which also ends the keys of
// days long past.
type signingKeys struct {
	mu   sync.RWMutex
	kept map[derivation]*signingKey
}

// of returns the signing key of s for the key that it names.
func (t *signingKeys) of(s *Signature, k Key) *signingKey {
	t.mu.RLock()
	kept := t.kept[s.derivation()]
	t.mu.RUnlock()
	if kept != nil && subtle.ConstantTimeCompare([]byte(kept.secret), []byte(k.SecretAccessKey)) == 1 {
		return kept
	}
	return (&signingKey{secret: k.SecretAccessKey, key: s.signingKey(k.SecretAccessKey)}).init()
}

// remember keeps the signing key that a signature was verified with.
func (t *signingKeys) remember(s *Signature, k *signingKey) {
	t.mu.RLock()
	known := t.kept[s.derivation()] == k
	t.mu.RUnlock()
	if known {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil || len(t.kept) >= maxSigningKeys {
		t.kept = map[derivation]*signingKey{}
	}
	t.kept[s.derivation()] = k
}

func (s *Signature) derivation() derivation {
	return derivation{s.AccessKeyID, s.Date, s.Region, s.Service}
}
