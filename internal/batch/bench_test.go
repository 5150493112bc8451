package batch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A fixed model answers every query with the same items, so that what is measured is all but the model.
type fixed struct {
	items names
	top   []int32
}

func (f *fixed) Items() recipe.Names { return f.items }

func (f *fixed) Rank(_ context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	for i := range queries {
		a := &answers[i]
		a.Items = append(a.Items[:0], f.top[:queries[i].Count]...)
		a.Scores = a.Scores[:0]
		for n := range a.Items {
			a.Scores = append(a.Scores, 0.0310422/float64(n+1))
		}
	}
	return nil
}

// A dotted model has factors and asks all of them: a stand-in for a real one in plain Go.
type dotted struct {
	fixed
	d       int
	factors []float32
}

func (m *dotted) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	scores := make([]float32, len(m.items))
	for i := range queries {
		user := m.factors[int(queries[i].Seed%uint64(len(m.items)))*m.d:][:m.d]
		for n := range scores {
			item := m.factors[n*m.d:][:m.d]
			var sum float32
			for k, v := range user {
				sum += v * item[k]
			}
			scores[n] = sum
		}
	}
	return m.fixed.Rank(ctx, queries, answers)
}

// BenchmarkLines reads, asks and encodes lines: 20,000 items, 25 results.
func BenchmarkLines(b *testing.B) {
	const n, d = 20_000, 64
	f := fixed{items: manyItems(n), top: make([]int32, 25)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range f.top {
		f.top[i] = int32(r.IntN(n))
	}
	factors := make([]float32, n*d)
	for i := range factors {
		factors[i] = r.Float32() - 0.5
	}
	for _, c := range []struct {
		name  string
		model recipe.Model
	}{{"model=none", &f}, {fmt.Sprintf("model=dot d=%d", d), &dotted{f, d, factors}}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld("user")
			or, err := newOracle(&Order{NumResults: 25}, &Bound{Info: w.info, Model: c.model, View: w})
			if err != nil {
				b.Fatal(err)
			}
			desk := newDesk(or)
			var out []byte
			var t Tally
			line := []byte(`{"userId": "u-17"}`)
			b.SetBytes(int64(len(line) + 1))
			for b.Loop() {
				desk.put(line)
				if desk.full() {
					if out, err = desk.answer(b.Context(), out, &t, func(b []byte) ([]byte, error) { return b[:0], nil }); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// BenchmarkLists reads lines with lists of 500 items out of 20,000, asks and encodes them.
func BenchmarkLists(b *testing.B) {
	const n = 20_000
	ids := manyItems(n)
	lines := make([][]byte, 64)
	r := rand.New(rand.NewPCG(1, 2))
	for k := range lines {
		lines[k] = []byte(`{"userId":"u-17","itemList":[`)
		for _, i := range r.Perm(n)[:500] {
			lines[k] = append(appendQuoted(lines[k], ids[i]), ',')
		}
		lines[k] = append(lines[k][:len(lines[k])-1], "]}"...)
	}
	for _, c := range []struct {
		name  string
		write func(w *artifact.Writer, name string, n int, at func(int) string) error
	}{{"items=searched", (*artifact.Writer).Strings}, {"items=indexed", (*artifact.Writer).Names}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld("list")
			or, err := newOracle(&Order{}, &Bound{Info: w.info, Model: listed{storedItems(b, ids, c.write)}, View: w})
			if err != nil {
				b.Fatal(err)
			}
			desk := newDesk(or)
			var out []byte
			var t Tally
			for k := 0; b.Loop(); k++ {
				desk.put(lines[k%len(lines)])
				if k%len(lines) < len(lines)-1 {
					continue
				}
				if out, err = desk.answer(b.Context(), out, &t, func(b []byte) ([]byte, error) { return b[:0], nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// storedItems is ids as models keep them: in a file.
func storedItems(b *testing.B, ids names, write func(w *artifact.Writer, name string, n int, at func(int) string) error) recipe.Names {
	path := filepath.Join(b.TempDir(), "items")
	w, err := artifact.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(write(w, "items", len(ids), ids.At), w.Commit()); err != nil {
		b.Fatal(err)
	}
	f, err := artifact.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	items, err := f.Strings("items")
	if err != nil {
		b.Fatal(err)
	}
	return items
}

// A listed model answers with the list as it is.
type listed struct{ items recipe.Names }

func (l listed) Items() recipe.Names { return l.items }

func (l listed) Rank(_ context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	for i, q := range queries {
		a := &answers[i]
		a.Items, a.Scores = append(a.Items[:0], q.List...), a.Scores[:0]
		for range q.List {
			a.Scores = append(a.Scores, 0.002)
		}
	}
	return nil
}
