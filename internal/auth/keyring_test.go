package auth_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kindredrec/kindred/internal/auth"
)

// The pair made at first start is the owner's only, and is there again at the second.
func TestKeyringIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data", "keys.json")
	var wg sync.WaitGroup
	ids := make([]string, 4)
	for i := range ids {
		wg.Go(func() {
			ring, err := auth.OpenKeyring(file, auth.Key{}, "123456789012")
			if err != nil {
				t.Errorf("OpenKeyring = %v", err)
				return
			}
			ids[i] = ring.First().AccessKeyID
			if a := ring.First().Account; a != "123456789012" {
				t.Errorf("account = %s, want 123456789012", a)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Errorf("keys of servers starting at once = %q, want one", ids)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the key file = %v, %v; want 0600", info.Mode(), err)
	}
}

func TestKeyringFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"keys":[{"accessKeyId":"A","secretAccessKey":"a","account":"111111111111"},{"accessKeyId":"B","secretAccessKey":"b"}]}`)
	ring, err := auth.OpenKeyring(file, auth.Key{AccessKeyID: "C", SecretAccessKey: "c", Account: "222222222222"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if ring.First().AccessKeyID != "C" {
		t.Errorf("First() = %s, want the given key C", ring.First().AccessKeyID)
	}
	for id, account := range map[string]string{"A": "111111111111", "B": auth.DefaultAccount, "C": "222222222222"} {
		if k, ok := ring.Find(id); !ok || k.Account != account {
			t.Errorf("Find(%s) = %+v, %v; want account %s", id, k, ok, account)
		}
	}
	for content, says := range map[string]string{
		`{"keys":[]}`:                        "at least one",
		`{`:                                  "expected {",
		`{"keys":[{"accessKeyId":"A"}]}`:     "no secret",
		`{"keys":[{"secretAccessKey":"a"}]}`: "empty",
		`{"keys":[{"accessKeyId":"A","secretAccessKey":"a","account":"12"}]}`:                            "twelve digits",
		`{"keys":[{"accessKeyId":"A","secretAccessKey":"a"},{"accessKeyId":"A","secretAccessKey":"b"}]}`: "twice",
	} {
		write(content)
		if _, err := auth.OpenKeyring(file, auth.Key{}, ""); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("OpenKeyring of %s = %v, want an error with %q", content, err, says)
		}
	}
}
