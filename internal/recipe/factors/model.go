package factors

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// block is how many queries are scanned together: the more there are, the more alike are those that share a tile.
const block = 240

// A model answers both kinds of question.
//
// The logit of an item is scale·(user·item) + Mix·(state·item) + popularityWeight·log popularity + Reward·(standard
// reward), plus Repeat if the user had it; scores are the softmax of the logits over the items that are allowed.
type model struct {
	settings settings
	asks     recipe.Asks
	items    recipe.Names
	matrix   *topk.Matrix
	vectors  []float32 // what the matrix's rows begin with, Stride(Dim) apart
	count    []int32   // recipe.Tried of each item
	explorer *recipe.Explorer
	cold     []int32 // always explored, ascending
	solver   *als.Solver
	network  *seqnet.Model // nil for none
	kin      *kinship      // likewise
	context  *kinship      // likewise
}

// Items is the model's item table.
func (m *model) Items() recipe.Names { return m.items }

// Rank answers a block of queries. Beside the answers it takes 8 KB for each of 240 queries at a
// time, and a bit per item for each of their distinct sets.
func (m *model) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	w := m.solver.Workspace()
	states := make([]state, min(block, len(queries)))
	jobs := make([]topk.Job, len(states))
	for len(queries) > 0 {
		n := min(block, len(queries))
		var err error
		if m.asks == recipe.ByUserList {
			err = m.rankLists(ctx, w, queries[:n], answers[:n])
		} else {
			err = m.rankAll(ctx, w, queries[:n], answers[:n], states[:n], jobs[:n])
		}
		if err != nil {
			return err
		}
		queries, answers = queries[n:], answers[n:]
	}
	return nil
}

// A state is what a query needs beside its job; it is reused from block to block.
type state struct {
	history history
	told    []float32  // the network's state; nil without one
	lucky   []int32    // scratch of explore
	keys    []topk.Key // likewise
}

// rankAll ranks the catalogue for each query.
func (m *model) rankAll(ctx context.Context, w *als.Workspace, queries []recipe.Query, answers []recipe.Answer, states []state, jobs []topk.Job) error {
	for k := range queries {
		states[k].history = distinct(queries[k].Items)
	}
	m.hear(states)
	for k := range queries {
		q, s, j := &queries[k], &states[k], &jobs[k]
		if err := m.prepare(w, q, s.history, s.told, j); err != nil {
			return err
		}
		j.Best.Reset(max(q.Count, recipe.ExploredTo))
		j.Allow, j.Skip = q.Allow, s.history.items // which are scored apart because of Repeat
	}
	if err := topk.Scan(ctx, m.matrix, jobs); err != nil {
		return err
	}
	for k := range queries {
		q, j := &queries[k], &jobs[k]
		m.addHad(q, states[k].history, j)
		switch {
		case len(m.cold) > 0:
			m.explore(q, coldWeight, m.cold, &states[k], j)
		case q.Explore != nil && q.Explore.Weight > 0:
			m.explore(q, q.Explore.Weight, m.explorer.Fresh(q.Explore.MaxAge), &states[k], j)
		}
		answer(j, q.Count, m.allowed(q), &answers[k])
	}
	return nil
}

// allowed returns how many items the query may be answered with.
func (m *model) allowed(q *recipe.Query) int {
	if q.Allow == nil {
		return m.matrix.N
	}
	return q.Allow.Count()
}

// hearAtOnce is how many histories a network is told together.
const hearAtOnce = 16

// hear sets the network's states after the histories; it does nothing without one.
func (m *model) hear(states []state) {
	if m.network == nil {
		return
	}
	width := m.network.Shape().Width
	for part := range slices.Chunk(states, hearAtOnce) {
		all := make([]float32, len(part)*width)
		histories := make([][]int32, len(part))
		for k := range part {
			histories[k], part[k].told = part[k].history.items, all[k*width:(k+1)*width]
		}
		m.network.EncodeAll(histories, all)
	}
}

// prepare encodes the query's history, and what is known of the user and the circumstances beside it, into a job; told is the network's state after it, nil
// without one.
func (m *model) prepare(w *als.Workspace, q *recipe.Query, h history, told []float32, j *topk.Job) error {
	var x []float32
	if len(h.items) > 0 {
		x = encode(m.solver, w, m.settings.Encoder, h)
		for k, v := range x {
			x[k] = float32(m.settings.Scale * float64(v))
		}
	} else {
		x = make([]float32, m.matrix.Stride)
	}
	m.kin.at(q.User, len(h.items), x)
	m.context.add(q.Context, 1, x)
	if m.settings.widened() {
		x = m.settings.widenQuery(x, told, m.matrix.Stride)
	}
	return j.Set(x, popularityWeight(len(h.items)))
}

// addHad offers the items of the history that are allowed.
func (m *model) addHad(q *recipe.Query, h history, j *topk.Job) {
	for _, i := range h.items {
		if q.Allow == nil || q.Allow.Has(int(i)) {
			s := m.matrix.Score(j, int(i)) + float32(m.settings.Repeat)
			j.Sum += math.Exp(float64(s) - j.Shift)
			j.Best.Push(topk.Make(s, i))
		}
	}
}

// answer writes the first count of the best with their softmax over the allowed items.
func answer(j *topk.Job, count, allowed int, a *recipe.Answer) {
	a.Items, a.Scores = a.Items[:0], a.Scores[:0]
	keys := j.Best.Sorted()
	total := normaliser(j, keys, allowed)
	for _, k := range keys[:min(count, len(keys))] {
		a.Items = append(a.Items, k.Index())
		a.Scores = append(a.Scores, math.Exp(float64(k.Score())-j.Shift)/total)
	}
}

// normaliser returns what the scores are divided by. The scan's sum is very near, but it is a sum of rounded
// scores: where all allowed items were kept their exact sum is known, and it is never less than that of
// those kept. So the scores of a list add up to at most 1, and to 1 if it holds everything.
func normaliser(j *topk.Job, kept []topk.Key, allowed int) float64 {
	exact := 0.0
	for _, k := range kept {
		exact += math.Exp(float64(k.Score()) - j.Shift)
	}
	if len(kept) >= allowed {
		return exact
	}
	return max(exact, j.Sum)
}

// rankLists orders each query's list; the softmax is over the list's allowed items.
func (m *model) rankLists(ctx context.Context, w *als.Workspace, queries []recipe.Query, answers []recipe.Answer) error {
	var j topk.Job
	for k := range queries {
		if err := ctx.Err(); err != nil {
			return err
		}
		q := &queries[k]
		s := [1]state{{history: distinct(q.Items)}}
		m.hear(s[:])
		h := s[0].history
		if err := m.prepare(w, q, h, s[0].told, &j); err != nil {
			return err
		}
		had := make(map[int32]bool, len(h.items))
		for _, i := range h.items {
			had[i] = true
		}
		j.Best.Reset(len(q.List))
		j.Sum = 0
		for _, i := range q.List {
			if q.Allow != nil && !q.Allow.Has(int(i)) {
				continue
			}
			s := m.matrix.Score(&j, int(i))
			if had[i] {
				s += float32(m.settings.Repeat)
			}
			j.Sum += math.Exp(float64(s))
			j.Best.Push(topk.Make(s, i))
		}
		answer(&j, len(q.List), 0, &answers[k]) // all of them were kept
	}
	return nil
}
