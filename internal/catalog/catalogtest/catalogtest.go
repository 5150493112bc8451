// Package catalogtest exercises implementations of catalog.Store.
package catalogtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// A Driver makes stores to exercise.
type Driver struct {
	// Open returns an empty store that is closed when the test ends.
	Open func(t testing.TB) catalog.Store
	// Reopen closes a store and opens it again, as after a restart. Nil for a store that does not
	// outlive its process, of which that is not asked.
	Reopen func(t testing.TB, s catalog.Store) catalog.Store
}

// Run checks that a driver keeps all that catalog.Store promises.
func Run(t *testing.T, d Driver) {
	for _, tt := range []struct {
		name string
		do   func(*testing.T, catalog.Store)
	}{
		{"Get", testGet},
		{"Insert", testInsert},
		{"Update", testUpdate},
		{"Delete", testDelete},
		{"List", testList},
		{"ListRefuses", testListRefuses},
		{"ListIsStable", testListIsStable},
		{"Enqueue", testEnqueue},
		{"Secret", testSecret},
		{"TxIsWhole", testTxIsWhole},
		{"TxInTx", testTxInTx},
		{"TxPanics", testTxPanics},
		{"Cancelled", testCancelled},
		{"UniqueNames", testUniqueNames},
		{"StaleVersions", testStaleVersions},
		{"Transfers", testTransfers},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.do(t, d.Open(t)) })
	}
	t.Run("LikeTwin", func(t *testing.T) { testLikeTwin(t, d.Open) })
	if d.Reopen != nil {
		t.Run("Reopen", func(t *testing.T) { testReopen(t, d) })
	}
}

const account = "111122223333"

// millis cuts a time to what a store keeps.
func millis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

var epoch = time.Date(2025, 8, 4, 10, 0, 0, 112e6, time.UTC)

func name(n string) arn.ARN { return arn.New("us-east-1", account, arn.Solution, n) }

// record makes a record that uses every field.
func record(n string) catalog.Record {
	return catalog.Record{
		ARN: name(n), Account: account, Kind: arn.Solution,
		Parent: arn.New("us-east-1", account, arn.DatasetGroup, "g"), Status: "CREATE PENDING",
		Created: epoch, Updated: epoch.Add(1500 * time.Millisecond),
		Doc:   json.RawMessage(`{"name": "` + n + `",  "note":"spaces and <é> stay"}`),
		Extra: json.RawMessage(`{"seed":7}`), Tags: map[string]string{"team": "a b", "": ""},
	}
}

// must stops the test at an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantKind checks the kind of a failure.
func wantKind(t *testing.T, call string, err error, want fault.Kind) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Errorf("%s = %v, want a fault of kind %v", call, err, want)
	}
}

func wantRecord(t *testing.T, s catalog.Store, want catalog.Record) {
	t.Helper()
	got, err := s.Get(t.Context(), want.ARN)
	if err != nil {
		t.Errorf("Get(%s) = %v", want.ARN, err)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Get(%s): -want +got\n%s", want.ARN, diff)
	}
}

// What was inserted comes back, byte by byte, as version 1.
func testGet(t *testing.T, s catalog.Store) {
	full := record("full")
	full.Version = 99 // is not the inserter's to choose
	must(t, s.Insert(t.Context(), full))
	full.Version = 1
	wantRecord(t, s, full)

	bare := catalog.Record{ARN: name("bare"), Account: account, Kind: arn.Schema, Created: epoch, Updated: epoch, Doc: json.RawMessage("{}")}
	must(t, s.Insert(t.Context(), bare))
	bare.Version = 1
	wantRecord(t, s, bare)

	fine := record("fine")
	fine.Created = epoch.Add(999 * time.Microsecond).In(time.FixedZone("east", 3600))
	must(t, s.Insert(t.Context(), fine))
	fine.Created, fine.Version = epoch, 1
	wantRecord(t, s, fine)

	_, err := s.Get(t.Context(), name("none"))
	wantKind(t, "Get of nothing", err, fault.NotFound)
	if got, want := fault.Sentence(err), "Resource Arn "+string(name("none"))+" does not exist."; got != want {
		t.Errorf("the sentence is %q, want %q", got, want)
	}
}

// A name is taken until it is deleted, and a refused insert changes nothing.
func testInsert(t *testing.T, s catalog.Store) {
	first := record("one")
	must(t, s.Insert(t.Context(), first))
	second := record("one")
	second.Status, second.Account = "ACTIVE", "444455556666"
	err := s.Insert(t.Context(), second)
	wantKind(t, "Insert of a taken name", err, fault.Exists)
	if got, want := fault.Sentence(err), "Another resource with Arn "+string(first.ARN)+" already exists."; got != want {
		t.Errorf("the sentence is %q, want %q", got, want)
	}
	first.Version = 1
	wantRecord(t, s, first)
}

// An update needs the stored version and raises it. What a resource is stays.
func testUpdate(t *testing.T, s catalog.Store) {
	r := record("one")
	must(t, s.Insert(t.Context(), r))
	changed := catalog.Record{
		ARN: r.ARN, Account: "444455556666", Kind: arn.Schema, Parent: "x", Created: epoch.Add(time.Hour), // stay
		Status: "ACTIVE", Updated: epoch.Add(2 * time.Hour), Version: 1, Doc: json.RawMessage(`{"b":2}`),
	}
	must(t, s.Update(t.Context(), changed))
	want := r
	want.Status, want.Updated, want.Version, want.Doc, want.Extra, want.Tags = "ACTIVE", changed.Updated, 2, changed.Doc, nil, nil
	wantRecord(t, s, want)

	for _, v := range []int64{0, 1, 3} {
		changed.Version = v
		wantKind(t, fmt.Sprint("Update of version ", v, " when it is 2"), s.Update(t.Context(), changed), fault.InUse)
	}
	wantRecord(t, s, want)
	changed.ARN = name("none")
	wantKind(t, "Update of nothing", s.Update(t.Context(), changed), fault.NotFound)
}

// A delete needs the stored version; the name is free afterwards.
func testDelete(t *testing.T, s catalog.Store) {
	r := record("one")
	must(t, s.Insert(t.Context(), r))
	wantKind(t, "Delete of a stale version", s.Delete(t.Context(), r.ARN, 2), fault.InUse)
	must(t, s.Delete(t.Context(), r.ARN, 1))
	_, err := s.Get(t.Context(), r.ARN)
	wantKind(t, "Get after Delete", err, fault.NotFound)
	wantKind(t, "Delete of nothing", s.Delete(t.Context(), r.ARN, 1), fault.NotFound)
	must(t, s.Insert(t.Context(), r))
	r.Version = 1
	wantRecord(t, s, r)
}

// seed inserts records of several accounts, kinds, parents and statuses, in another order than they are
// listed in. Three share each moment of creation.
func seed(t *testing.T, s catalog.Store) (all []catalog.Record) {
	t.Helper()
	for i := range 24 {
		r := record(fmt.Sprintf("r%02d", (i*7)%24))
		r.Created = epoch.Add(time.Duration((i*5)%8) * time.Millisecond)
		r.Parent = arn.New("us-east-1", account, arn.DatasetGroup, []string{"g", "h"}[i%2])
		r.Status = []string{"ACTIVE", "CREATE FAILED", "CREATE PENDING"}[i%3]
		all = append(all, r)
	}
	foreign, other := record("foreign"), record("other")
	foreign.Account, other.Kind = "444455556666", arn.Schema
	for _, r := range append(slices.Clone(all), foreign, other) {
		must(t, s.Insert(t.Context(), r))
	}
	slices.SortFunc(all, func(a, b catalog.Record) int {
		if catalog.PositionOf(a).Before(catalog.PositionOf(b)) {
			return -1
		}
		return 1
	})
	return all
}

// pages returns the names on all pages of q, and checks that no page but the last has room left.
func pages(t *testing.T, s catalog.Store, q catalog.Query) (names []string) {
	t.Helper()
	for q.After = ""; ; {
		page, next, err := s.List(t.Context(), q)
		must(t, err)
		for _, r := range page {
			names = append(names, r.ARN.Name())
		}
		if next == "" {
			return names
		}
		if len(page) != q.Limit {
			t.Fatalf("a page of %d has %d records and a next one", q.Limit, len(page))
		}
		q.After = next
	}
}

// Whatever the filter, the order and the page size, each record that is asked for comes once, in order.
func testList(t *testing.T, s catalog.Store) {
	all := seed(t, s)
	group := arn.New("us-east-1", account, arn.DatasetGroup, "g")
	for what, q := range map[string]catalog.Query{
		"all":               {},
		"of a parent":       {Parent: group},
		"of two statuses":   {Status: []string{"ACTIVE", "CREATE PENDING"}},
		"of no status":      {Status: []string{}},
		"of one and parent": {Parent: group, Status: []string{"CREATE FAILED"}},
		"of another parent": {Parent: "x"},
	} {
		q.Account, q.Kind = account, arn.Solution
		var want []string
		for _, r := range all {
			if (q.Parent == "" || q.Parent == r.Parent) && (q.Status == nil || slices.Contains(q.Status, r.Status)) {
				want = append(want, r.ARN.Name())
			}
		}
		for _, q.Newest = range []bool{false, true} {
			for _, q.Limit = range []int{1, 2, 5, len(want) - 1, len(want), 100} {
				if q.Limit < 1 {
					continue
				}
				if got := pages(t, s, q); !slices.Equal(got, want) {
					t.Errorf("List %s, newest first %t, by %d = %q, want %q", what, q.Newest, q.Limit, got, want)
				}
			}
			slices.Reverse(want)
		}
		if n, err := s.Count(t.Context(), q); err != nil || n != len(want) {
			t.Errorf("Count %s = %d, %v, want %d", what, n, err, len(want))
		}
	}
}

// A position that no list gave out is told apart from a broken store.
func testListRefuses(t *testing.T, s catalog.Store) {
	q := catalog.Query{Account: account, Kind: arn.Solution, Limit: 1}
	for _, q.After = range []string{"x", "12", "12 ", " arn", "x arn", "99999999999999999999 arn"} {
		_, _, err := s.List(t.Context(), q)
		wantKind(t, fmt.Sprintf("List after %q", q.After), err, fault.BadToken)
	}
	if _, _, err := s.List(t.Context(), catalog.Query{Account: account, Kind: arn.Solution}); err == nil {
		t.Error("List by pages of 0 = nil")
	}
}

// While records come and go between the pages, those that stay are each seen once.
func testListIsStable(t *testing.T, s catalog.Store) {
	all := seed(t, s)
	for _, newest := range []bool{false, true} {
		q := catalog.Query{Account: account, Kind: arn.Solution, Limit: 3, Newest: newest}
		var got []string
		for n := 0; ; n++ {
			page, next, err := s.List(t.Context(), q)
			must(t, err)
			for _, r := range page {
				if strings.HasPrefix(r.ARN.Name(), "r") {
					got = append(got, r.ARN.Name())
				}
			}
			if next == "" {
				break
			}
			q.After = next
			// The record at the position goes, and others come before, at and behind it.
			last := page[len(page)-1]
			must(t, s.Delete(t.Context(), last.ARN, last.Version))
			for i, at := range []time.Time{epoch.Add(-time.Hour), last.Created} {
				r := record(fmt.Sprintf("new%t%d-%d", newest, n, i))
				r.Created = at
				must(t, s.Insert(t.Context(), r))
			}
		}
		var want []string
		for _, r := range all {
			want = append(want, r.ARN.Name())
		}
		if newest {
			slices.Reverse(want)
		}
		if !slices.Equal(got, want) {
			t.Errorf("records seen, newest first %t = %q, want %q", newest, got, want)
		}
		for _, r := range all { // put back what went
			if err := s.Insert(t.Context(), r); err != nil && !fault.Is(err, fault.Exists) {
				t.Fatal(err)
			}
		}
	}
}

// An owner has one unfinished work, and work refused takes its transaction with it.
func testEnqueue(t *testing.T, s catalog.Store) {
	r := record("one")
	work := &catalog.Work{Owner: r.ARN, Kind: "train", Payload: json.RawMessage(`{}`)}
	must(t, catalog.Insert(t.Context(), s, r, map[string]string{}, work))
	wantKind(t, "Enqueue for a busy owner", s.Enqueue(t.Context(), *work), fault.Exists)

	err := catalog.Insert(t.Context(), s, record("two"), map[string]string{}, work)
	wantKind(t, "Insert with work for a busy owner", err, fault.Exists)
	_, err = s.Get(t.Context(), name("two"))
	wantKind(t, "Get of what was inserted with refused work", err, fault.NotFound)

	err = catalog.Insert(t.Context(), s, r, map[string]string{}, &catalog.Work{Owner: name("three"), Kind: "train"})
	wantKind(t, "Insert of a taken name with work", err, fault.Exists)
	must(t, s.Enqueue(t.Context(), catalog.Work{Owner: name("three"), Kind: "train"})) // which nobody has yet
}

// A secret is made once, is long enough, and has a value of its own for each name.
func testSecret(t *testing.T, s catalog.Store) {
	secrets := make([][]byte, 8)
	together(len(secrets), func(i int) {
		var err error
		if secrets[i], err = s.Secret(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	})
	for _, got := range secrets {
		if len(got) < 16 || string(got) != string(secrets[0]) {
			t.Errorf("Secret = %x beside %x, want the same 16 bytes or more", got, secrets[0])
		}
	}
	if b, err := s.Secret(t.Context(), "b"); err != nil || string(b) == string(secrets[0]) {
		t.Errorf("Secret of another name = the same, %v", err)
	}
	must(t, s.Tx(t.Context(), func(tx catalog.Store) error {
		got, err := tx.Secret(t.Context(), "a")
		if string(got) != string(secrets[0]) {
			t.Errorf("Secret in a transaction = %x, want %x", got, secrets[0])
		}
		return err
	}))
}

var errWanted = errors.New("wanted")

// change makes one change of every kind and reads it back in the same transaction.
func change(ctx context.Context, tx catalog.Store) error {
	r, err := tx.Get(ctx, name("updated"))
	if err != nil {
		return err
	}
	r.Status = "ACTIVE"
	if err := tx.Update(ctx, r); err != nil {
		return err
	}
	if err := tx.Insert(ctx, record("inserted")); err != nil {
		return err
	}
	if err := tx.Delete(ctx, name("deleted"), 1); err != nil {
		return err
	}
	if err := tx.Enqueue(ctx, catalog.Work{Owner: name("inserted"), Kind: "train"}); err != nil {
		return err
	}
	page, _, err := tx.List(ctx, catalog.Query{Account: account, Kind: arn.Solution, Limit: 10})
	if err != nil || len(page) != 2 || page[1].Status != "ACTIVE" {
		return fmt.Errorf("the transaction sees %d records, %w", len(page), err)
	}
	return nil
}

// wantUnchanged checks that nothing of change is to be seen, and that it can be made.
func wantUnchanged(t *testing.T, s catalog.Store) {
	t.Helper()
	for _, n := range []string{"updated", "deleted"} {
		want := record(n)
		want.Version = 1
		wantRecord(t, s, want)
	}
	_, err := s.Get(t.Context(), name("inserted"))
	wantKind(t, "Get of what was taken back", err, fault.NotFound)
	if err := s.Tx(t.Context(), func(tx catalog.Store) error { return change(t.Context(), tx) }); err != nil {
		t.Errorf("the same changes, later = %v", err)
	}
}

func prepare(t *testing.T, s catalog.Store) {
	t.Helper()
	must(t, s.Insert(t.Context(), record("updated")))
	must(t, s.Insert(t.Context(), record("deleted")))
}

// A transaction that fails leaves nothing, and its error comes back as it was.
func testTxIsWhole(t *testing.T, s catalog.Store) {
	prepare(t, s)
	err := s.Tx(t.Context(), func(tx catalog.Store) error {
		if err := change(t.Context(), tx); err != nil {
			return err
		}
		return errWanted
	})
	if !errors.Is(err, errWanted) {
		t.Errorf("Tx = %v, want what its function returned", err)
	}
	wantUnchanged(t, s)
}

// A transaction in another is undone alone if it fails, and with the outer one if that fails. A failure
// that a caller may expect does not spoil it.
func testTxInTx(t *testing.T, s catalog.Store) {
	prepare(t, s)
	err := s.Tx(t.Context(), func(tx catalog.Store) error {
		must(t, tx.Tx(t.Context(), func(tx catalog.Store) error { return change(t.Context(), tx) }))
		return errWanted
	})
	if !errors.Is(err, errWanted) {
		t.Errorf("Tx = %v, want what its function returned", err)
	}
	must(t, s.Tx(t.Context(), func(tx catalog.Store) error {
		must(t, tx.Insert(t.Context(), record("outer")))
		wantKind(t, "Insert of a taken name", tx.Insert(t.Context(), record("outer")), fault.Exists)
		err := tx.Tx(t.Context(), func(tx catalog.Store) error {
			must(t, tx.Delete(t.Context(), name("outer"), 1))
			must(t, change(t.Context(), tx))
			return errWanted
		})
		if !errors.Is(err, errWanted) {
			t.Errorf("Tx in Tx = %v, want what its function returned", err)
		}
		return nil
	}))
	outer := record("outer")
	outer.Version = 1
	wantRecord(t, s, outer)
	must(t, s.Delete(t.Context(), name("outer"), 1))
	wantUnchanged(t, s)
}

// A panic goes on to whoever catches it, and leaves nothing and no lock.
func testTxPanics(t *testing.T, s catalog.Store) {
	prepare(t, s)
	func() {
		defer func() {
			if v := recover(); v != "wanted" {
				t.Errorf("recover() = %v, want the panic of the transaction", v)
			}
		}()
		_ = s.Tx(t.Context(), func(tx catalog.Store) error {
			must(t, tx.Tx(t.Context(), func(tx catalog.Store) error { return change(t.Context(), tx) }))
			panic("wanted")
		})
	}()
	wantUnchanged(t, s)
}

// A call whose context has ended fails with the context's error; a transaction whose context ends in
// the middle leaves nothing.
func testCancelled(t *testing.T, s catalog.Store) {
	prepare(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Tx(ctx, func(tx catalog.Store) error {
		err := change(ctx, tx)
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Tx cancelled in the middle = %v, want context.Canceled", err)
	}
	_, getErr := s.Get(ctx, name("updated"))
	_, _, listErr := s.List(ctx, catalog.Query{Account: account, Kind: arn.Solution, Limit: 1})
	for call, err := range map[string]error{
		"Get": getErr, "List": listErr, "Insert": s.Insert(ctx, record("inserted")),
		"Tx": s.Tx(ctx, func(catalog.Store) error { t.Error("a cancelled transaction began"); return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s when cancelled = %v, want context.Canceled", call, err)
		}
	}
	wantUnchanged(t, s)
}

// together runs do n times at a time and waits.
func together(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// Of many who want a name at the same time, one gets it and the others are told.
func testUniqueNames(t *testing.T, s catalog.Store) {
	for round := range 10 {
		var won atomic.Int32
		together(8, func(i int) {
			r := record(fmt.Sprint("round", round))
			var err error
			if i%2 == 0 {
				err = s.Insert(t.Context(), r)
			} else {
				err = catalog.Insert(t.Context(), s, r, map[string]string{}, &catalog.Work{Owner: r.ARN, Kind: "train"})
			}
			switch {
			case err == nil:
				won.Add(1)
			case !fault.Is(err, fault.Exists):
				t.Errorf("Insert = %v, want nil or a fault of kind exists", err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d inserts of one name succeeded, want 1", won.Load())
		}
	}
}

// No update is lost: whoever has a stale version is told and tries again.
func testStaleVersions(t *testing.T, s catalog.Store) {
	const workers, each = 6, 10
	r := record("counter")
	r.Doc = json.RawMessage("0")
	must(t, s.Insert(t.Context(), r))
	add := func() error {
		r, err := s.Get(t.Context(), name("counter"))
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Doc))
		if err != nil {
			return err
		}
		r.Doc = json.RawMessage(strconv.Itoa(n + 1))
		return s.Update(t.Context(), r)
	}
	together(workers, func(int) {
		for range each {
			err := add()
			for fault.Is(err, fault.InUse) {
				err = add()
			}
			if err != nil {
				t.Errorf("Update = %v, want nil or a fault of kind in use", err)
			}
		}
	})
	got, err := s.Get(t.Context(), name("counter"))
	must(t, err)
	if string(got.Doc) != strconv.Itoa(workers*each) || got.Version != workers*each+1 {
		t.Errorf("the counter is %s at version %d, want %d at %d", got.Doc, got.Version, workers*each, workers*each+1)
	}
}

// Transactions that move something from one record to another are never seen half done.
func testTransfers(t *testing.T, s catalog.Store) {
	const purses, total = 4, 400
	for i := range purses {
		r := record(fmt.Sprint("purse", i))
		r.Doc = json.RawMessage(strconv.Itoa(total / purses))
		must(t, s.Insert(t.Context(), r))
	}
	move := func(from, to arn.ARN) error {
		return s.Tx(t.Context(), func(tx catalog.Store) error {
			add := func(a arn.ARN, v int) error {
				return catalog.Change(t.Context(), tx, a, func(r *catalog.Record) error {
					n, err := strconv.Atoi(string(r.Doc))
					r.Doc = json.RawMessage(strconv.Itoa(n + v))
					return err
				})
			}
			return errors.Join(add(from, -1), add(to, 1))
		})
	}
	sum := func() (n int, err error) {
		page, _, err := s.List(t.Context(), catalog.Query{Account: account, Kind: arn.Solution, Limit: purses})
		for _, r := range page {
			v, _ := strconv.Atoi(string(r.Doc))
			n += v
		}
		return n, err
	}
	together(6, func(i int) {
		for k := range 10 {
			if i%2 == 0 {
				if err := move(name(fmt.Sprint("purse", i%purses)), name(fmt.Sprint("purse", (i+1+k%(purses-1))%purses))); err != nil {
					t.Errorf("Tx = %v", err)
				}
			} else if n, err := sum(); err != nil || n != total {
				t.Errorf("List sees %d in all, %v, want %d", n, err, total)
			}
		}
	})
	if n, err := sum(); err != nil || n != total {
		t.Errorf("in the end there are %d, %v, want %d", n, err, total)
	}
}

// What was acknowledged is there after a restart, and page tokens still work.
func testReopen(t *testing.T, d Driver) {
	s := d.Open(t)
	all := seed(t, s)
	one := int32(1)
	q := catalog.Query{Account: account, Kind: arn.Solution}
	_, token, err := catalog.Page(t.Context(), s, q, "", &one)
	must(t, err)
	s = d.Reopen(t, s)
	for _, r := range all {
		r.Version = 1
		wantRecord(t, s, r)
	}
	page, _, err := catalog.Page(t.Context(), s, q, token, &one)
	if err != nil || len(page) != 1 || page[0].ARN != all[1].ARN {
		t.Errorf("Page with a token from before = %v, %v, want %s", page, err, all[1].ARN)
	}
}
