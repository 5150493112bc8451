package sqlite

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
)

const account = "111122223333"

func resource(i int) catalog.Record {
	at := time.UnixMilli(1754300000000 + int64(i/3)).UTC()
	return catalog.Record{
		ARN: arn.New("us-east-1", account, arn.Solution, fmt.Sprint("solution", i)), Account: account, Kind: arn.Solution,
		Parent: arn.New("us-east-1", account, arn.DatasetGroup, fmt.Sprint("group", i%1000)), Status: "ACTIVE",
		Created: at, Updated: at, Doc: json.RawMessage(`{"name":"` + strings.Repeat("x", 500) + `"}`),
	}
}

// filled returns a database on disk with n resources under a thousand parents.
func filled(t testing.TB, n int) *DB {
	t.Helper()
	d := open(t, file(t), Options{})
	err := d.Tx(t.Context(), func(tx catalog.Store) error {
		for i := range n {
			if err := tx.Insert(t.Context(), resource(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint("resources=", n), func(b *testing.B) {
			d := filled(b, n)
			for i := 0; b.Loop(); i++ {
				if _, err := d.Get(b.Context(), resource(i*7919%n).ARN); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A page of 100 from the middle of a long list, of all and of one parent.
func BenchmarkList(b *testing.B) {
	const n = 100_000
	d := filled(b, n)
	middle := catalog.PositionOf(resource(n / 2)).String()
	for name, q := range map[string]catalog.Query{
		"all":        {After: middle},
		"newest":     {After: middle, Newest: true},
		"parent":     {Parent: resource(1).Parent},
		"by status":  {Status: []string{"ACTIVE"}, After: middle},
		"rare state": {Status: []string{"CREATE PENDING", "CREATE IN_PROGRESS"}},
	} {
		q.Account, q.Kind, q.Limit = account, arn.Solution, 100
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := d.List(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("count rare state", func(b *testing.B) {
		q := catalog.Query{Account: account, Kind: arn.Solution, Status: []string{"CREATE PENDING", "CREATE IN_PROGRESS"}}
		for b.Loop() {
			if _, err := d.Count(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What a create costs until it is acknowledged: a synced transaction of a resource and its work.
func BenchmarkCreate(b *testing.B) {
	d := filled(b, 1000)
	for i := 1000; b.Loop(); i++ {
		r := resource(i)
		if err := catalog.Insert(b.Context(), d, r, r.Doc, &catalog.Work{Owner: r.ARN, Kind: "train"}); err != nil {
			b.Fatal(err)
		}
	}
}

// What an idle worker costs each time it looks.
func BenchmarkClaimNothing(b *testing.B) {
	d := filled(b, 1000)
	for b.Loop() {
		if _, _, err := d.Claim(b.Context(), "w", []string{"a", "b", "c"}, time.Minute, nil); err != nil {
			b.Fatal(err)
		}
	}
}
