package semantic

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Update gives new items vectors in the model's own terms: their texts are weighed by the words it knows and turned by its
// basis, as if they had been there without changing it. Vectors of items that base knows stay to the bit, and so does what
// they are compared with. Words that only new items have mean nothing until the next training; items that are
// gone from the data are dropped.
//
// Memory: 0.5 KB for each vector, 2 KB for the weights of each new item, and 1 MB.
func (r Recipe) Update(ctx context.Context, t recipe.Training, base *artifact.File) error {
	if err := check(t.Data); err != nil {
		return err
	}
	opened, err := r.Open(base)
	if err != nil {
		return err
	}
	old := opened.(*model)
	words, basis, err := openWords(base, old.settings)
	if err != nil {
		return err
	}
	s, d := old.settings, t.Data
	vectors, fresh := recipe.Carry(d.Items.Len(), recipe.Among(d.Items, old.Items()), old.matrix.Rows, s.stride())
	found, err := readAll(ctx, t, len(fresh), func(k int) int { return fresh[k] })
	if err != nil {
		return err
	}
	placed, err := words.rows(found).project(ctx, t.Threads, basis, s.Dimensions, s.stride())
	if err != nil {
		return err
	}
	count := events(d)
	for k, i := range fresh {
		copy(vectors[i*s.stride():(i+1)*s.stride()], placed[k*s.stride():])
		s.prominence(d, count, i, vectors)
	}
	if t.Progress != nil {
		t.Progress("new items", len(fresh), len(fresh))
	}
	return write(t, s, vectors, words, basis)
}

// openWords reads what new texts are made into vectors with.
func openWords(f *artifact.File, s settings) (v vocabulary, basis []float32, err error) {
	if !f.Has("basis") {
		return v, nil, fault.Newf(fault.Invalid, "The model to take new items into was trained before models of %s could; train a solution version in mode FULL.", name)
	}
	if v.hash, err = artifact.Get[int32](f, "terms"); err != nil {
		return v, nil, err
	}
	if v.rarity, err = artifact.Get[float64](f, "rarity"); err != nil {
		return v, nil, err
	}
	if basis, err = artifact.Get[float32](f, "basis"); err != nil {
		return v, nil, err
	}
	if n := len(v.hash); len(v.rarity) != n || len(basis) != n*s.stride() && (len(basis) != 0 || n != s.Dimensions) {
		return v, nil, fmt.Errorf("open %s: the arrays' lengths do not fit %d terms", name, n)
	}
	if len(basis) == 0 {
		basis = nil
	}
	return v, basis, nil
}
