package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/num/als"
)

// A catalogue is pairs of users and items, from public data or made up.
type catalogue struct {
	name         string
	files        []string // below the data folder: lines "user item item …", gzipped; or
	users, items int      // how many there are to make up
	pairs        int
}

var (
	amazon   = catalogue{"amazon-book-test", []string{"amazon-book-test/test.txt.gz"}, 52_643, 91_599, 600_000}
	gowalla  = catalogue{"gowalla", []string{"gowalla/train.txt.gz", "gowalla/test.txt.gz"}, 29_858, 40_981, 1_000_000}
	powerLaw = catalogue{"power law", nil, 200_000, 100_000, 17_000_000}
)

// read returns who had what, made up and divided by shrink if there are no files, and what to call it.
func (c catalogue) read(data string, shrink int) (m *als.Sparse, name string, err error) {
	rows := map[int][]int32{}
	for _, file := range c.files {
		err := readLists(filepath.Join(data, file), rows)
		if errors.Is(err, fs.ErrNotExist) {
			return makePairs(c.users/shrink, c.items/shrink, c.pairs/shrink), "made up like " + c.name, nil
		}
		if err != nil {
			return nil, "", err
		}
	}
	if c.files == nil {
		return makePairs(c.users/shrink, c.items/shrink, c.pairs/shrink), c.name, nil
	}
	return sparseOf(rows), c.name, nil
}

// readLists adds to rows a file of lines "user item item …".
func readLists(path string, rows map[int][]int32) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, 1<<24)
	for n := 1; in.Scan(); n++ {
		var user int
		for k, word := range strings.Fields(in.Text()) {
			id, err := strconv.ParseInt(word, 10, 31)
			if err != nil || id < 0 {
				return fmt.Errorf("%s:%d: %q, want a number", path, n, word)
			}
			if k == 0 {
				user = int(id)
			} else {
				rows[user] = append(rows[user], int32(id))
			}
		}
	}
	return in.Err()
}

// sparseOf makes a matrix of lists, each pair once.
func sparseOf(rows map[int][]int32) *als.Sparse {
	m := &als.Sparse{Start: []int64{0}}
	for user := range rows {
		m.Rows = max(m.Rows, user+1)
	}
	for user := range m.Rows {
		addRow(m, rows[user])
	}
	return m
}

// makePairs makes up about so many pairs: lengths of lists are log-normal, and the popularity of items follows a
// power law.
func makePairs(users, items, pairs int) *als.Sparse {
	const mean = 1.85 // lists are so much longer than their median on average, and shorter again without repetitions
	r := rand.New(rand.NewPCG(1, 7))
	place := r.Perm(items)
	m := &als.Sparse{Rows: users, Start: []int64{0}}
	var list []int32
	for range users {
		n := int(math.Exp(r.NormFloat64()) * float64(pairs) / float64(users) / mean * 1.3)
		list = list[:0]
		for range min(max(n, 1), items/20) {
			list = append(list, int32(place[int(float64(items)*math.Pow(r.Float64(), 2.5))]))
		}
		addRow(m, list)
	}
	m.Cols = items
	return m
}

// addRow adds a row of distinct columns; list changes.
func addRow(m *als.Sparse, list []int32) {
	slices.Sort(list)
	for _, c := range slices.Compact(list) {
		m.Col, m.Weight = append(m.Col, c), append(m.Weight, knownWeight)
		m.Cols = max(m.Cols, int(c)+1)
	}
	m.Start = append(m.Start, int64(len(m.Col)))
}

// What is minimised everywhere here: a known pair weighs twenty times what another weighs.
const (
	knownWeight    = 19 // beyond that of all pairs
	regularization = 0.05
	sweeps         = 6 // until factors serve for scoring
	steps          = 3 // of conjugate gradients, implicit's own choice
)

// Vectors are what users are scored with.
type vectors struct {
	dim          int
	items, users []float32
}

// learned are the factors of pairs. Users are in random order, so that any of them stand for all.
func learned(ctx context.Context, m *als.Sparse, dim int) (vectors, error) {
	c := als.Config{Dim: dim, Unobserved: 1, Regularization: regularization, Sweeps: sweeps, Steps: steps, Seed: 1, Threads: runtime.GOMAXPROCS(0)}
	f := als.Start(m, c)
	if err := als.Fit(ctx, m, c, f); err != nil {
		return vectors{}, err
	}
	r := rand.New(rand.NewPCG(1, 8))
	r.Shuffle(m.Rows, func(i, j int) {
		for k := range dim {
			a, b := &f.Rows[i*dim+k], &f.Rows[j*dim+k]
			*a, *b = *b, *a
		}
	})
	return vectors{dim, f.Cols, f.Rows}, nil
}

// madeVectors are random directions. Lengths are 1, or log-normal for items.
func madeVectors(items, users, dim int, alike bool) vectors {
	r := rand.New(rand.NewPCG(1, 9))
	some := func(n int, alike bool) []float32 {
		v := make([]float32, n*dim)
		for row := range slices.Chunk(v, dim) {
			var square float64
			for k := range row {
				row[k] = float32(r.NormFloat64())
				square += float64(row[k]) * float64(row[k])
			}
			length := 1.0
			if !alike {
				length = math.Exp(0.6 * r.NormFloat64())
			}
			for k := range row {
				row[k] *= float32(length / math.Sqrt(square))
			}
		}
		return v
	}
	return vectors{dim, some(items, alike), some(users, true)}
}
