package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/num/als"
)

// Kindred's side finds what a plain search finds.
func TestObeyTop(t *testing.T) {
	const dim, users, k = 16, 40, 7
	v := madeVectors(500, users, dim, false)
	dir := t.TempDir()
	if err := errors.Join(writeNumbers(filepath.Join(dir, "items.f32"), v.items), writeNumbers(filepath.Join(dir, "users.f32"), v.users)); err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 3} {
		obeyed(t, dir, threads, order{Do: "load", Dim: dim}, order{Do: "top", K: k, From: 3, Users: users - 3})
		found, err := readNumbers[int32](filepath.Join(dir, "kindred.i32"))
		if err != nil {
			t.Fatal(err)
		}
		var want []int32
		for u := 3; u < users; u++ {
			want = append(want, v.plainTop(u, k)...)
		}
		shifted := vectors{dim, v.items, v.users[3*dim:]}
		if swapped, err := shifted.agree(k, found, want); err != nil || swapped > 2 {
			t.Errorf("%d threads: %d places differ, error %v; want the items of a plain search", threads, swapped, err)
		}
	}
}

func (v vectors) plainTop(u, k int) []int32 {
	var all []int32
	for i := range len(v.items) / v.dim {
		all = append(all, int32(i))
	}
	user := v.users[u*v.dim:][:v.dim]
	slices.SortStableFunc(all, func(a, b int32) int { return cmp.Compare(v.score(user, b), v.score(user, a)) })
	return all[:k]
}

// obeyed has Kindred's side obey, and returns its reports.
func obeyed(t *testing.T, dir string, threads int, orders ...order) (reports []report) {
	t.Helper()
	var in, out bytes.Buffer
	for _, o := range orders {
		if err := json.NewEncoder(&in).Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := obey(t.Context(), dir, threads, &in, &out); err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(&out); ; {
		var r report
		if err := d.Decode(&r); err == io.EOF {
			return reports
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Failed != "" {
			t.Fatal(r.Failed)
		}
		reports = append(reports, r)
	}
}

// A fit answers once a sweep and once at the end, and its vectors are those of als.Fit.
func TestObeyFit(t *testing.T) {
	const dim = 16
	m, dir := makePairs(60, 40, 500), t.TempDir()
	c := als.Config{Dim: dim, Unobserved: 1, Regularization: regularization, Sweeps: 3, Steps: steps, Seed: 1, Threads: 1}
	f := als.Start(m, c)
	if err := errors.Join(writeSparse(filepath.Join(dir, "known.bin"), m), writeNumbers(filepath.Join(dir, "start.f32"), f.Cols), als.Fit(t.Context(), m, c, f)); err != nil {
		t.Fatal(err)
	}
	fit := order{Do: "fit", Dim: dim, Sweeps: 3, Steps: steps, Weight: knownWeight, Regularization: regularization}
	if n := len(obeyed(t, dir, 2, fit, order{Do: "step"}, order{Do: "step"})); n != 4 {
		t.Errorf("%d answers to a fit of 3 sweeps, want 4", n)
	}
	rows, err := readNumbers[float32](filepath.Join(dir, "found-rows.f32"))
	if err != nil || !slices.Equal(rows, f.Rows) {
		t.Errorf("the fit's vectors are not those of als.Fit (error %v)", err)
	}
}

func TestAgree(t *testing.T) {
	v := vectors{dim: 2, items: []float32{3, 0, 2, 1, 2, 1 + 0x1p-23, 1, 0}, users: []float32{1, 1, 1, 0}}
	for _, c := range []struct {
		theirs  []int32
		swapped int
		failure string
	}{
		{[]int32{2, 1, 0, 1}, 0, ""},
		{[]int32{1, 2, 0, 2}, 3, ""}, // by the last bit, and a tie
		{[]int32{2, 3, 0, 1}, 0, "item 3"},
		{[]int32{2, 2, 0, 1}, 0, "twice"},
		{[]int32{2, 4, 0, 1}, 0, "item 4"},
		{[]int32{2, -1, 0, 1}, 0, "item -1"},
		{[]int32{2, 1, 0}, 0, "4 items"},
	} {
		swapped, err := v.agree(2, []int32{2, 1, 0, 1}, c.theirs)
		if c.failure == "" && (err != nil || swapped != c.swapped) || c.failure != "" && (err == nil || !strings.Contains(err.Error(), c.failure)) {
			t.Errorf("agree with %v = %d, %v; want %d, an error with %q", c.theirs, swapped, err, c.swapped, c.failure)
		}
	}
}

// The loss is the sum over all pairs that package als names.
func TestLoss(t *testing.T) {
	const dim = 16
	m := makePairs(30, 25, 200)
	v := madeVectors(25, 30, dim, false)
	var want float64
	for r := range m.Rows {
		cols, _ := m.Row(r)
		for c := range int32(25) {
			xy := v.score(v.users[r*dim:][:dim], c)
			want += xy * xy
			if slices.Contains(cols, c) {
				want += knownWeight * (1 - xy) * (1 - xy)
			}
		}
	}
	want += regularization * (math.Pow(length(v.users), 2) + math.Pow(length(v.items), 2))
	if got := loss(m, dim, v.users, v.items); math.Abs(got/want-1) > 1e-5 {
		t.Errorf("loss = %v, want %v", got, want)
	}
}

// Made-up pairs are as many as was asked, about, and a few items have most of them.
func TestMakePairs(t *testing.T) {
	const users, items, pairs = 2000, 4000, 100_000
	m := makePairs(users, items, pairs)
	if m.Rows != users || m.Cols != items || len(m.Start) != users+1 || math.Abs(float64(len(m.Col))/pairs-1) > 0.2 {
		t.Errorf("%d rows, %d columns, %d pairs; want %d, %d, about %d", m.Rows, m.Cols, len(m.Col), users, items, pairs)
	}
	count := make([]int, items)
	for r := range m.Rows {
		cols, _ := m.Row(r)
		if !slices.IsSorted(cols) || len(slices.Compact(slices.Clone(cols))) != len(cols) {
			t.Fatalf("row %d is %v, want distinct columns in order", r, cols)
		}
		for _, c := range cols {
			count[c]++
		}
	}
	slices.Sort(count)
	var top int
	for _, n := range count[items*9/10:] {
		top += n
	}
	if share := float64(top) / float64(len(m.Col)); share < 0.3 {
		t.Errorf("a tenth of the items have %.2f of the pairs, want at least 0.3", share)
	}
}

func TestReadLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lists.gz")
	write := func(text string) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(text))
		if err = errors.Join(err, z.Close(), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("0 3 1\n\n2 5 5\n")
	rows := map[int][]int32{}
	if err := errors.Join(readLists(path, rows), readLists(path, rows)); err != nil {
		t.Fatal(err)
	}
	if m := sparseOf(rows); !slices.Equal(m.Start, []int64{0, 2, 2, 3}) || !slices.Equal(m.Col, []int32{1, 3, 5}) || m.Rows != 3 || m.Cols != 6 {
		t.Errorf("rows %v of columns %v", m.Start, m.Col)
	}
	write("0 3\n1 x\n")
	if err := readLists(path, rows); err == nil || !strings.Contains(err.Error(), `lists.gz:2: "x"`) {
		t.Errorf("error %v, want one that names file, line and word", err)
	}
}
