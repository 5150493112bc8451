package factors

import (
	"context"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// updateSweeps is how often users and new items are solved against each other. The known items hold
// everything in place, so that two are enough.
const updateSweeps = 2

// Update takes new items and interactions into a model: the vectors of items that base knows stay to the
// bit, those of the others are solved against what users, encoded with all their events, did with
// them; the network gives these what it gives the others in the mean. Where metadata tells something, items
// that base knows from few users count as new, and new ones get from it what they lack. How users are encoded stays as
// base was calibrated; popularity, ages and the item table are those of the data. Items that are gone from the data are
// dropped.
//
// Memory: the vectors of users and items, and two copies of the distinct interactions; see also describe.
func (r Recipe) Update(ctx context.Context, t recipe.Training, base *artifact.File) error {
	opened, err := r.Open(base)
	if err != nil {
		return err
	}
	old := opened.(*model)
	p, err := read(t.Params)
	if err != nil {
		return err
	}
	s, d := old.settings, t.Data
	cold, err := r.coldItems(t)
	if err != nil {
		return err
	}
	vectors, fresh := old.carry(d.Items)
	if len(fresh) > 0 {
		histories := distinctHistories(d, recipe.UsersWithin(d, p.minLength, p.maxLength))
		if err := place(ctx, t, s.als(), matrix(histories, d.Items.Len()), vectors, fresh); err != nil {
			return err
		}
	}
	s.Newest = 0
	for _, when := range d.Time {
		s.Newest = max(s.Newest, when)
	}
	network, err := old.carryNetwork(d.Items)
	if err != nil {
		return err
	}
	return write(ctx, t, false, s, old.learnedAnew(d, vectors, network, fresh), cold)
}

// learnedAnew tells how much is known of the items after an update: enough of those that keep their vectors, and of the
// fresh ones, which ascend, what users did with them. The network has heard nothing of those that base does not know.
func (m *model) learnedAnew(d *recipe.Data, vectors []float32, network *seqnet.Model, fresh []int) learned {
	n := d.Items.Len()
	l := learned{vectors: vectors, network: network, kin: m.kin, context: m.context, evidence: recipe.Tried(d, recipe.UniqueUsers(d)), heard: make([]int32, n)}
	for i := range n {
		if _, found := slices.BinarySearch(fresh, i); !found {
			l.evidence[i] = max(recipe.ProvenBy, l.evidence[i])
		}
		if _, known := m.items.Find(d.Items.At(i)); known {
			l.heard[i] = recipe.ProvenBy
		}
	}
	return l
}

// carry returns the vectors for an item table: the model's own, and zero for the fresh items, which it
// does not know, or from few users while metadata tells more. fresh ascends.
func (m *model) carry(items recipe.Names) (vectors []float32, fresh []int) {
	was := recipe.Among(items, m.items)
	return recipe.Carry(items.Len(), func(i int) int {
		if k := was(i); k >= 0 && (m.settings.Content == nil || m.count[k] >= recipe.ProvenBy) {
			return k
		}
		return -1
	}, m.vectors, als.Stride(m.settings.Dim))
}

// place solves the vectors of the fresh items.
func place(ctx context.Context, t recipe.Training, c als.Config, m *als.Sparse, vectors []float32, fresh []int) error {
	stride := als.Stride(c.Dim)
	users := make([]float32, m.Rows*stride)
	byItem := m.Transpose()
	for sweep := range updateSweeps {
		everybody := func(k int) int { return k }
		if err := solve(ctx, t.Threads, als.NewSolver(vectors, m.Cols, c), m, users, m.Rows, everybody); err != nil {
			return err
		}
		chosen := func(k int) int { return fresh[k] }
		if err := solve(ctx, t.Threads, als.NewSolver(users, m.Rows, c), byItem, vectors, len(fresh), chosen); err != nil {
			return err
		}
		if t.Progress != nil {
			t.Progress("new items", sweep+1, updateSweeps)
		}
	}
	return nil
}

// solve improves n rows of x, those that row names.
func solve(ctx context.Context, threads int, s *als.Solver, m *als.Sparse, x []float32, n int, row func(k int) int) error {
	if _, err := s.Prepare(ctx, threads); err != nil {
		return err
	}
	stride := s.Stride()
	return als.Spread(ctx, threads, n, 64, func(lo, hi int) {
		w := s.Workspace()
		for k := lo; k < hi; k++ {
			r := row(k)
			cols, weights := m.Row(r)
			s.Solve(w, cols, weights, encoderSteps, x[r*stride:(r+1)*stride])
		}
	})
}
