package semantic

import (
	"context"

	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// block is how many queries are scanned together.
const block = 48

// A model answers with the items whose vectors are nearest, or by popularity where there is nothing to go by.
type model struct {
	settings settings
	popular  recipe.Model
	matrix   *topk.Matrix
}

// Items is the model's item table.
func (m *model) Items() recipe.Names { return m.popular.Items() }

// Rank answers a block of queries. An item is scored by
//
//	cosine of the two texts + Popularity·popularity + Freshness·freshness
//
// with the weights of the query's influence and the numbers of prominence. An item is never like itself. An item
// that is unknown or has no text gets popular ones.
func (m *model) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	jobs := make([]topk.Job, 0, min(block, len(queries)))
	places := make([]int, 0, cap(jobs))
	for from := 0; from < len(queries); from += block {
		jobs, places = jobs[:0], places[:0]
		for k := from; k < min(from+block, len(queries)); k++ {
			q := &queries[k]
			if q.Item < 0 || !m.speaks(q.Item) {
				if err := m.strange(ctx, queries[k:k+1], answers[k:k+1]); err != nil {
					return err
				}
				continue
			}
			jobs = jobs[:len(jobs)+1] // with the memory of the last block
			if err := m.prepare(q, &jobs[len(jobs)-1]); err != nil {
				return err
			}
			places = append(places, k)
		}
		if err := topk.Best(ctx, m.matrix, jobs); err != nil {
			return err
		}
		for j, k := range places {
			answer(&queries[k], &jobs[j], &answers[k])
		}
	}
	return ctx.Err()
}

func (m *model) row(i int32) []float32 {
	return m.matrix.Rows[int(i)*m.matrix.Stride : (int(i)+1)*m.matrix.Stride]
}

// speaks reports whether an item has a text that means anything.
func (m *model) speaks(i int32) bool {
	for _, x := range m.row(i)[:m.settings.Dimensions] {
		if x != 0 {
			return true
		}
	}
	return false
}

// prepare makes the scan of a query. One place more is for the item itself.
func (m *model) prepare(q *recipe.Query, j *topk.Job) error {
	v := make([]float32, m.matrix.Stride)
	copy(v, m.row(q.Item)[:m.settings.Dimensions])
	if q.Influence != nil {
		v[m.settings.Dimensions+popularity] = float32(q.Influence.Popularity)
		v[m.settings.Dimensions+freshness] = float32(q.Influence.Freshness)
	}
	j.Allow = q.Allow
	j.Best.Reset(min(q.Count, m.matrix.N) + 1)
	return j.Set(v, 0)
}

func answer(q *recipe.Query, j *topk.Job, a *recipe.Answer) {
	a.Items, a.Scores = a.Items[:0], nil
	for _, key := range j.Best.Sorted() {
		if i := key.Index(); i != q.Item && len(a.Items) < q.Count {
			a.Items = append(a.Items, i)
		}
	}
}

// strange answers one query by popularity.
func (m *model) strange(ctx context.Context, q []recipe.Query, a []recipe.Answer) error {
	if q[0].Item < 0 {
		return m.popular.Rank(ctx, q, a)
	}
	other := q[0]
	other.Allow = bitset.New(m.matrix.N)
	if q[0].Allow == nil {
		other.Allow.Fill()
	} else {
		other.Allow.Copy(q[0].Allow)
	}
	other.Allow.Remove(int(other.Item))
	return m.popular.Rank(ctx, []recipe.Query{other}, a)
}
