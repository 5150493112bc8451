package factors

import (
	"context"

	"github.com/kindredrec/kindred/internal/feature"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// An item that few users have met has a vector that says little, and a new one has none. What its metadata says it is
// like is told by a ridge regression from the features of known items to their vectors; the two are mixed by how
// many users there are. So new items are ranked, and explored, by how well they fit.

// The bounds of what is told by metadata.
const (
	telling     = 3      // users of an item that the regression learns from
	leastShare  = 0.01   // of the differences between items' vectors that features must explain
	mostTelling = 50_000 // items that the regression learns from, evenly
)

// A content is what a model knows of metadata; nil where there is none that tells anything.
type content struct {
	Penalty float64 // of the regression
}

// A learned is the vectors of items, and how many users each half of the model has learned an item from.
type learned struct {
	vectors []float32
	network *seqnet.Model // nil for none

	kin     *kinship // nil for none
	context *kinship // likewise

	evidence, heard []int32 // by item; nil for recipe.Tried of the data
}

// describe returns what was learned with the vectors of the items that few users have met mixed with what their metadata
// tells, and sets s.Content. The penalty is chosen if nothing is known yet, which is what asked is for; where s.Content
// is nil otherwise, and where metadata tells nothing, everything stays as it is, to the bit.
//
// Memory: another copy of the vectors; features as [feature.Learn] has it, and 4·(Dim + 64) bytes for each term.
func describe(ctx context.Context, t recipe.Training, asked bool, s *settings, l learned) (learned, error) {
	if !asked && s.Content == nil || len(t.Data.Columns) == 0 {
		return l, nil
	}
	n := t.Data.Items.Len()
	known := tellingItems(l.evidence)
	if len(known) < leastHeld {
		return l, nil
	}
	_, table := feature.Learn(t.Data.Columns, n)
	if table == nil {
		return l, nil
	}
	targets := feature.Targets{Records: known, Vectors: l.vectors, Dim: s.Dim, Stride: als.Stride(s.Dim)}
	if asked {
		penalty, explained, err := table.Choose(ctx, targets, t.Threads)
		if err != nil {
			return l, err
		}
		t.Log.Debug("metadata of items", "terms", table.Terms, "penalty", penalty, "explains", explained)
		if explained < leastShare {
			return l, nil
		}
		s.Content = &content{penalty}
	}
	var err error
	if l.vectors, err = table.Fill(ctx, targets, s.Content.Penalty, unproven(l.evidence), t.Threads); err != nil || l.network == nil {
		return l, err
	}
	width := l.network.Shape().Width
	targets.Records = tellingItems(l.heard)
	targets.Vectors, targets.Dim, targets.Stride = l.network.Vectors(), width, width
	vectors, err := table.Fill(ctx, targets, s.Content.Penalty, unproven(l.heard), t.Threads)
	if err != nil {
		return l, err
	}
	l.network, err = seqnet.Of(l.network.Shape(), l.network.Params(), vectors)
	return l, err
}

// unproven says how much of an item's vector is to be its metadata's.
func unproven(evidence []int32) func(i int) float32 {
	return func(i int) float32 { return float32(recipe.Unproven(float64(evidence[i]))) }
}

// tellingItems are those that a regression learns from, at most mostTelling of them, ascending.
func tellingItems(evidence []int32) (items []int32) {
	for i, users := range evidence {
		if users >= telling {
			items = append(items, int32(i))
		}
	}
	step := float64(len(items)) / mostTelling
	if step <= 1 {
		return items
	}
	some := make([]int32, mostTelling)
	for k := range some {
		some[k] = items[int(float64(k)*step)]
	}
	return some
}
