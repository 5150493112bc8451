package catalogtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// testLikeTwin does random operations on a store and on a Twin and compares every answer. Names and
// values are few, so that they meet.
func testLikeTwin(t *testing.T, open func(testing.TB) catalog.Store) {
	s, run := open(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		p := &pair{real: s, twin: &Twin{}, account: fmt.Sprintf("%012d", run)} // a fresh account is an empty store
		steps := rapid.IntRange(1, 30).Draw(rt, "steps")
		for range steps {
			p.step(rt, p.real, p.twin, 0)
		}
		p.list(rt, p.real, p.twin)
	})
}

type pair struct {
	real    catalog.Store
	twin    *Twin
	account string
}

func (p *pair) name(rt *rapid.T) arn.ARN {
	return arn.New("r", p.account, arn.Solution, rapid.SampledFrom([]string{"a", "b", "c", "d", "Z", "é"}).Draw(rt, "name"))
}

func (p *pair) record(rt *rapid.T) catalog.Record {
	at := func(label string) time.Time {
		return time.UnixMicro(rapid.Int64Range(-3000, 3000).Draw(rt, label))
	}
	r := catalog.Record{
		ARN: p.name(rt), Account: p.account, Kind: rapid.SampledFrom([]string{"k", "l"}).Draw(rt, "kind"),
		Parent: arn.ARN(rapid.SampledFrom([]string{"", "p", "q"}).Draw(rt, "parent")),
		Status: rapid.SampledFrom([]string{"", "ACTIVE", "CREATE FAILED"}).Draw(rt, "status"),
		Doc:    json.RawMessage(rapid.StringMatching(`\{"n":[0-9]{1,3}\}`).Draw(rt, "doc")),
		Tags:   rapid.MapOfN(rapid.StringN(0, 3, -1), rapid.StringN(0, 3, -1), 0, 2).Draw(rt, "tags"),
	}
	r.Created, r.Updated = at("created"), at("updated")
	if rapid.Bool().Draw(rt, "has extra") {
		r.Extra = json.RawMessage(`{}`)
	}
	return r
}

// version draws a version, mostly the stored one.
func (p *pair) version(rt *rapid.T, twin catalog.Store, a arn.ARN) int64 {
	if r, err := twin.Get(rt.Context(), a); err == nil && rapid.IntRange(0, 3).Draw(rt, "guess") > 0 {
		return r.Version
	}
	return rapid.Int64Range(0, 3).Draw(rt, "version")
}

// step does one operation on both.
func (p *pair) step(rt *rapid.T, a, b catalog.Store, depth int) {
	ctx := rt.Context()
	switch op := rapid.SampledFrom([]string{"get", "insert", "insert", "update", "delete", "list", "enqueue", "tx"}).Draw(rt, "op"); op {
	case "get":
		n := p.name(rt)
		p.same(rt, "Get", func(s catalog.Store) (any, error) { return s.Get(ctx, n) }, a, b)
	case "insert":
		r := p.record(rt)
		p.same(rt, "Insert", func(s catalog.Store) (any, error) { return nil, s.Insert(ctx, r) }, a, b)
	case "update":
		r := p.record(rt)
		r.Version = p.version(rt, b, r.ARN)
		p.same(rt, "Update", func(s catalog.Store) (any, error) { return nil, s.Update(ctx, r) }, a, b)
	case "delete":
		n := p.name(rt)
		v := p.version(rt, b, n)
		p.same(rt, "Delete", func(s catalog.Store) (any, error) { return nil, s.Delete(ctx, n, v) }, a, b)
	case "list":
		p.list(rt, a, b)
	case "enqueue":
		w := catalog.Work{Owner: p.name(rt), Kind: "w"}
		p.same(rt, "Enqueue", func(s catalog.Store) (any, error) { return nil, s.Enqueue(ctx, w) }, a, b)
	case "tx":
		if depth < 2 {
			p.tx(rt, a, b, depth)
		}
	}
}

// tx does some operations in a transaction of each, and lets both succeed or fail.
func (p *pair) tx(rt *rapid.T, a, b catalog.Store, depth int) {
	fail := rapid.Bool().Draw(rt, "fail")
	end := func() error {
		if fail {
			return errWanted
		}
		return nil
	}
	err := a.Tx(rt.Context(), func(a catalog.Store) error {
		err := b.Tx(rt.Context(), func(b catalog.Store) error {
			for range rapid.IntRange(1, 5).Draw(rt, "steps in transaction") {
				p.step(rt, a, b, depth+1)
			}
			return end()
		})
		if !errors.Is(err, end()) {
			rt.Fatalf("Twin.Tx = %v, want %v", err, end())
		}
		return end()
	})
	if !errors.Is(err, end()) {
		rt.Fatalf("Tx = %v, want %v", err, end())
	}
}

// list pages through one query on both, and counts it.
func (p *pair) list(rt *rapid.T, a, b catalog.Store) {
	q := catalog.Query{
		Account: p.account, Kind: rapid.SampledFrom([]string{"k", "l"}).Draw(rt, "list kind"),
		Parent: arn.ARN(rapid.SampledFrom([]string{"", "p"}).Draw(rt, "list parent")),
		Status: rapid.SampledFrom([][]string{nil, {}, {"ACTIVE"}, {"", "ACTIVE"}}).Draw(rt, "list status"),
		Limit:  rapid.IntRange(1, 4).Draw(rt, "limit"), Newest: rapid.Bool().Draw(rt, "newest"),
	}
	type answer struct {
		Page []catalog.Record
		Next string
	}
	p.same(rt, "Count", func(s catalog.Store) (any, error) { return s.Count(rt.Context(), q) }, a, b)
	for {
		got := p.same(rt, "List", func(s catalog.Store) (any, error) {
			page, next, err := s.List(rt.Context(), q)
			return answer{append([]catalog.Record{}, page...), next}, err
		}, a, b)
		if q.After = got.(answer).Next; q.After == "" {
			return
		}
	}
}

// same does one call on both and compares values, kinds of failure and sentences.
func (p *pair) same(rt *rapid.T, call string, do func(catalog.Store) (any, error), a, b catalog.Store) any {
	got, err := do(a)
	want, wantErr := do(b)
	if (err == nil) != (wantErr == nil) || fault.KindOf(err) != fault.KindOf(wantErr) || fault.Sentence(err) != fault.Sentence(wantErr) {
		rt.Fatalf("%s = %v, want %v", call, err, wantErr)
	}
	if err == nil {
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("%s: -want +got\n%s", call, diff)
		}
	}
	return got
}
