package auth

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DefaultAccount owns everything on an installation that does not name accounts.
const DefaultAccount = "000000000000"

// A Key is an access key pair and the account it acts for.
type Key struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	Account         string `json:"account"` // twelve digits; "" in a file for DefaultAccount
}

// A Keyring is the access keys a server knows. It does not change once made.
type Keyring struct {
	keys []Key
	byID map[string]Key
}

// NewKeyring makes a keyring of one or more keys.
func NewKeyring(keys ...Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("a keyring needs at least one access key")
	}
	k := &Keyring{byID: make(map[string]Key, len(keys))}
	for _, key := range keys {
		if key.Account == "" {
			key.Account = DefaultAccount
		}
		if err := key.check(); err != nil {
			return nil, err
		}
		if _, twice := k.byID[key.AccessKeyID]; twice {
			return nil, fmt.Errorf("access key %s is listed twice", key.AccessKeyID)
		}
		k.byID[key.AccessKeyID] = key
		k.keys = append(k.keys, key)
	}
	return k, nil
}

func (k Key) check() error {
	switch {
	case k.AccessKeyID == "" || strings.ContainsAny(k.AccessKeyID, " \t\r\n,="):
		return fmt.Errorf("access key id %q is empty or has a blank, a comma or an equals sign", k.AccessKeyID)
	case k.SecretAccessKey == "":
		return fmt.Errorf("access key %s has no secret", k.AccessKeyID)
	case len(k.Account) != 12 || strings.Trim(k.Account, "0123456789") != "":
		return fmt.Errorf("access key %s has the account %q; expected twelve digits", k.AccessKeyID, k.Account)
	}
	return nil
}

// Find returns the key of that id.
func (k *Keyring) Find(id string) (Key, bool) {
	key, ok := k.byID[id]
	return key, ok
}

// First returns the key that the server itself uses and shows to whoever starts it.
func (k *Keyring) First() Key { return k.keys[0] }

// OpenKeyring reads the keys of file, {"keys":[{"accessKeyId":…,"secretAccessKey":…,"account":…}]},
// and puts first before them if it has an id. A file that is not there is made, readable by its
// owner only, with a random pair for account, unless first makes that unnecessary.
func OpenKeyring(file string, first Key, account string) (*Keyring, error) {
	keys, err := readKeys(file)
	if errors.Is(err, fs.ErrNotExist) {
		if first.AccessKeyID != "" {
			return NewKeyring(first)
		}
		return makeKeys(file, account)
	}
	if err != nil {
		return nil, err
	}
	if first.AccessKeyID != "" {
		keys = append([]Key{first}, without(keys, first.AccessKeyID)...)
	}
	ring, err := NewKeyring(keys...)
	if err != nil {
		return nil, fmt.Errorf("keys in %s: %w", file, err)
	}
	return ring, nil
}

func without(keys []Key, id string) []Key {
	var kept []Key
	for _, k := range keys {
		if k.AccessKeyID != id {
			kept = append(kept, k)
		}
	}
	return kept
}

type keyFile struct {
	Keys []Key `json:"keys"`
}

func readKeys(file string) ([]Key, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var f keyFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf(`keys in %s: %w; expected {"keys":[{"accessKeyId":"…","secretAccessKey":"…","account":"…"}]}`, file, err)
	}
	return f.Keys, nil
}

// makeKeys writes a random pair under another name and links it into place, so that of two servers
// starting at once both use the same and neither reads half a file.
func makeKeys(file, account string) (*Keyring, error) {
	key := randomKey(account)
	b, err := json.MarshalIndent(keyFile{Keys: []Key{key}}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	if err := publish(file, append(b, '\n')); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	keys, err := readKeys(file)
	if err != nil {
		return nil, err
	}
	return NewKeyring(keys...)
}

func publish(file string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Link(tmp.Name(), file)
}

func randomKey(account string) Key {
	var id [10]byte
	var secret [30]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(secret[:])
	return Key{
		AccessKeyID:     "KIND" + base32.StdEncoding.EncodeToString(id[:]),
		SecretAccessKey: base64.RawURLEncoding.EncodeToString(secret[:]),
		Account:         account,
	}
}
