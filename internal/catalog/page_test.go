package catalog_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/catalog/catalogtest"
	"github.com/kindredrec/kindred/internal/fault"
)

var epoch = time.Date(2025, 8, 4, 10, 0, 0, 112e6, time.UTC)

func name(n string) arn.ARN { return arn.New("us-east-1", "111122223333", arn.Solution, n) }

// filled returns a store with n records, and the query for them.
func filled(t testing.TB, n int) (catalog.Store, catalog.Query) {
	t.Helper()
	s := &catalogtest.Twin{}
	for i := range n {
		r := catalog.Record{
			ARN: name(fmt.Sprintf("r%03d", i)), Account: "111122223333", Kind: arn.Solution,
			Parent: "parent", Status: "ACTIVE", Created: epoch.Add(time.Duration(i/2) * time.Millisecond),
		}
		if err := s.Insert(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return s, catalog.Query{Account: "111122223333", Kind: arn.Solution}
}

func size(n int32) *int32 { return &n }

// Tokens lead from page to page, whatever the sizes, and the last page has none.
func TestPage(t *testing.T) {
	s, q := filled(t, 205)
	for _, tt := range []struct {
		size *int32
		want []int // records per page
	}{
		{nil, []int{100, 100, 5}},
		{size(41), []int{41, 41, 41, 41, 41}},
		{size(300), []int{205}},
		{size(0), slices.Repeat([]int{1}, 205)}, // the wire refuses it; here it must not loop for ever
	} {
		var got []int
		var names []string
		for token := ""; ; {
			page, next, err := catalog.Page(t.Context(), s, q, token, tt.size)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, len(page))
			for _, r := range page {
				names = append(names, r.ARN.Name())
			}
			if token = next; token == "" {
				break
			}
		}
		if !slices.Equal(got, tt.want) || !slices.IsSorted(names) || len(slices.Compact(names)) != 205 {
			t.Errorf("pages of %v hold %v, want %v and each record once", tt.size, got, tt.want)
		}
	}
}

// A token is good for the list it was given out for, from this installation, and for no other.
func TestTokenIsBound(t *testing.T) {
	s, q := filled(t, 10)
	q.Parent, q.Status = "parent", []string{"ACTIVE", "CREATE FAILED"}
	_, token, err := catalog.Page(t.Context(), s, q, "", size(3))
	if err != nil || token == "" {
		t.Fatalf("Page = %q, %v, want a token", token, err)
	}
	reordered := q
	reordered.Status = []string{"CREATE FAILED", "ACTIVE"}
	for what, q := range map[string]catalog.Query{"itself": q, "the same statuses in another order": reordered} {
		if _, _, err := catalog.Page(t.Context(), s, q, token, size(5)); err != nil {
			t.Errorf("Page of %s = %v", what, err)
		}
	}
	refuse := func(what string, s catalog.Store, q catalog.Query, token string) {
		t.Helper()
		page, _, err := catalog.Page(t.Context(), s, q, token, nil)
		if !fault.Is(err, fault.BadToken) || fault.Sentence(err) != "The token is not valid." || page != nil {
			t.Errorf("Page of %s = %d records, %v, want a fault of kind bad token", what, len(page), err)
		}
	}
	for what, change := range map[string]func(*catalog.Query){
		"another account":   func(q *catalog.Query) { q.Account = "444455556666" },
		"another kind":      func(q *catalog.Query) { q.Kind = arn.Schema },
		"another parent":    func(q *catalog.Query) { q.Parent = "other" },
		"no parent":         func(q *catalog.Query) { q.Parent = "" },
		"one status":        func(q *catalog.Query) { q.Status = q.Status[:1] },
		"all statuses":      func(q *catalog.Query) { q.Status = nil },
		"the other order":   func(q *catalog.Query) { q.Newest = true },
		"a moved separator": func(q *catalog.Query) { q.Kind, q.Parent = q.Kind+"p", "arent" },
	} {
		other := q
		change(&other)
		refuse(what, s, other, token)
	}
	elsewhere, _ := filled(t, 10)
	refuse("another installation", elsewhere, q, token)
	for _, forged := range []string{
		"x", "=", token + "A", token[:len(token)-1], strings.Repeat("A", 1600), "é",
		base64.RawURLEncoding.EncodeToString([]byte("1754300001112 " + string(name("r001")))),
		base64.RawURLEncoding.EncodeToString(make([]byte, 16)),
	} {
		refuse(fmt.Sprintf("token %.40q", forged), s, q, forged)
	}
	for i := range token {
		c := byte('A')
		if token[i] == c {
			c = 'B'
		}
		refuse(fmt.Sprint("a token changed at ", i), s, q, token[:i]+string(c)+token[i+1:])
	}
}

// The longest name the API allows has a token the API allows.
func TestTokenIsShort(t *testing.T) {
	s, q := &catalogtest.Twin{}, catalog.Query{Account: "111122223333", Kind: arn.Solution}
	for _, n := range []string{"a", "b"} {
		r := catalog.Record{ARN: name(strings.Repeat(n, 256)), Account: q.Account, Kind: q.Kind, Created: epoch}
		if err := s.Insert(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	_, token, err := catalog.Page(t.Context(), s, q, "", size(1))
	if err != nil || len(token) == 0 || len(token) > catalog.MaxToken {
		t.Errorf("Page = a token of %d characters, %v, want 1 to %d", len(token), err, catalog.MaxToken)
	}
	if i := strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		t.Errorf("token %q has something else than visible ASCII at %d", token, i)
	}
}

func FuzzToken(f *testing.F) {
	s, q := filled(f, 3)
	_, good, err := catalog.Page(f.Context(), s, q, "", size(1))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", good, good + "=", "AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, _, err := catalog.Page(t.Context(), s, q, token, size(1))
		if known := token == "" || token == good; (err == nil) != known || err != nil && !fault.Is(err, fault.BadToken) {
			t.Errorf("Page with token %q = %v", token, err)
		}
	})
}

// A document is read as the shape that is asked for.
func TestLoad(t *testing.T) {
	s := &catalogtest.Twin{}
	rec := catalog.Record{ARN: name("a"), Account: "111122223333", Kind: arn.Solution}
	type shape struct{ Name string }
	if err := catalog.Insert(t.Context(), s, rec, shape{"<a&b>"}, nil); err != nil {
		t.Fatal(err)
	}
	doc, got, err := catalog.Load[shape](t.Context(), s, rec.ARN)
	if err != nil || doc.Name != "<a&b>" || got.Version != 1 || string(got.Doc) != `{"Name":"<a&b>"}` {
		t.Errorf("Load = %+v, %s, %v", doc, got.Doc, err)
	}
	if _, _, err := catalog.Load[shape](t.Context(), s, name("none")); !fault.Is(err, fault.NotFound) {
		t.Errorf("Load of nothing = %v, want a fault of kind not found", err)
	}
	if _, _, err := catalog.Load[[]int](t.Context(), s, rec.ARN); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("Load as another shape = %v, want an internal error", err)
	}
}

// A transition sets what it says and keeps the rest.
func TestTransition(t *testing.T) {
	now := time.Date(2025, 8, 4, 9, 33, 21, 112345678, time.UTC)
	for _, tt := range []struct {
		name, doc string
		status    string
		patch     map[string]any
		want      string
	}{
		{"status and time", `{"name":"a","status":"CREATE PENDING","lastUpdatedDateTime":1}`, "ACTIVE", nil,
			`{"lastUpdatedDateTime":1754300001.112,"name":"a","status":"ACTIVE"}`},
		{"members are set, replaced and removed", `{"old":{"x":1},"gone":1}`, "CREATE FAILED",
			map[string]any{"failureReason": "a < b", "old": []int{2}, "gone": nil, "never": nil},
			`{"failureReason":"a < b","lastUpdatedDateTime":1754300001.112,"old":[2],"status":"CREATE FAILED"}`},
		{"numbers keep their spelling", `{"n":12345678901234567890.10}`, "ACTIVE", nil,
			`{"lastUpdatedDateTime":1754300001.112,"n":12345678901234567890.10,"status":"ACTIVE"}`},
		{"no document", ``, "ACTIVE", nil, `{"lastUpdatedDateTime":1754300001.112,"status":"ACTIVE"}`},
		{"null", `null`, "ACTIVE", nil, `{"lastUpdatedDateTime":1754300001.112,"status":"ACTIVE"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &catalogtest.Twin{}
			rec := catalog.Record{ARN: name("a"), Kind: arn.Solution, Created: epoch, Updated: epoch, Status: "x", Doc: []byte(tt.doc),
				Tags: map[string]string{"a": "b"}}
			if err := s.Insert(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
			if err := catalog.Transition(t.Context(), s, rec.ARN, now, tt.status, tt.patch); err != nil {
				t.Fatal(err)
			}
			got, err := s.Get(t.Context(), rec.ARN)
			if err != nil || string(got.Doc) != tt.want || got.Status != tt.status || got.Version != 2 ||
				!got.Updated.Equal(now.Truncate(time.Millisecond)) || !got.Created.Equal(epoch) || got.Tags["a"] != "b" {
				t.Errorf("record = %+v with %s, %v, want %s", got, got.Doc, err, tt.want)
			}
		})
	}
	s := &catalogtest.Twin{}
	if err := catalog.Transition(t.Context(), s, name("none"), now, "ACTIVE", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("Transition of nothing = %v, want a fault of kind not found", err)
	}
}

// What do refuses is not stored.
func TestChangeRefused(t *testing.T) {
	s, _ := filled(t, 1)
	wanted := errors.New("wanted")
	err := catalog.Change(t.Context(), s, name("r000"), func(r *catalog.Record) error { r.Status = "x"; return wanted })
	got, getErr := s.Get(t.Context(), name("r000"))
	if !errors.Is(err, wanted) || getErr != nil || got.Version != 1 || got.Status != "ACTIVE" {
		t.Errorf("Change = %v, leaving %s at version %d", err, got.Status, got.Version)
	}
}
