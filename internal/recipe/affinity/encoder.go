package affinity

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/recipe"
)

// catalogueSample is how many items a softmax is summed over: an even sample of more.
const catalogueSample = 2_000

// logits are how the score of a user and an item is made up.
type logits struct {
	Scale      float64 // per unit of inner product
	Popularity float64 // per log(users + 1) of the item
	Repeat     float64 // added for items the user had
}

// of bounds a logit, so that its exponential is a number. The product is times Scale already.
func (l logits) of(product, popularity float32) float64 {
	return min(float64(product)+l.Popularity*float64(popularity), 80)
}

// An encoder turns histories into the vectors and biases of users.
type encoder struct {
	logits
	config     als.Config
	histories  []history
	factors    *als.Factors // Rows become the users' vectors, times Scale
	items      int
	popularity []float32 // of items
}

func (e *encoder) user(u int) []float32 {
	stride := als.Stride(e.config.Dim)
	return e.factors.Rows[u*stride : (u+1)*stride]
}

func (e *encoder) item(i int) []float32 {
	stride := als.Stride(e.config.Dim)
	return e.factors.Cols[i*stride : (i+1)*stride]
}

func (e *encoder) solver(ctx context.Context) (*als.Solver, error) {
	s := als.NewSolver(e.factors.Cols, e.items, e.config)
	_, err := s.Prepare(ctx, e.config.Threads)
	return s, err
}

// encode solves for every user's vector anew, recent events weighing more, and returns the users' biases.
//
// It sets Repeat so that the mass of the items had is, on average, the share of repeats in the data: a segment
// for a film that nobody watches twice is those who have not seen it, while one for milk is those who
// buy it.
func (e *encoder) encode(ctx context.Context, d *recipe.Data) (bias []float32, err error) {
	solver, err := e.solver(ctx)
	if err != nil {
		return nil, err
	}
	n := len(e.histories)
	had, rest := make([]float64, n), make([]float64, n)
	err = als.Spread(ctx, e.config.Threads, n, 64, func(lo, hi int) {
		w, in := solver.Workspace(), make(map[int32]bool)
		for u := lo; u < hi; u++ {
			x := e.user(u)
			clear(x)
			solver.Solve(w, e.histories[u].items, e.histories[u].recent(), encoderSteps, x)
			for k := range x {
				x[k] *= float32(e.Scale)
			}
			had[u], rest[u] = e.mass(u, in)
		}
	})
	if err != nil {
		return nil, err
	}
	share := repeatShare(d)
	e.Repeat = max(-20, min(20, math.Log(share/(1-min(share, 0.99)))-meanOdds(had, rest)))
	bias = make([]float32, n)
	for u, h := range e.histories {
		bias[u] = float32(math.Log(float64(max(1, h.events))) - math.Log(rest[u]+math.Exp(e.Repeat)*had[u]))
	}
	return bias, nil
}

// mass returns the sums of exp(logit) over the items that user u had and over the others, these estimated on
// an even sample. rest is at least 1, so that a user who had everything has a bias too.
func (e *encoder) mass(u int, in map[int32]bool) (had, rest float64) {
	clear(in)
	x := e.user(u)
	each := func(i int) float64 { return math.Exp(e.of(f32.Dot(x, e.item(i)), e.popularity[i])) }
	for _, i := range e.histories[u].items {
		in[i] = true
		had += each(int(i))
	}
	step, seen := max(1, float64(e.items)/catalogueSample), 0
	for at := 0.0; int(at) < e.items; at += step {
		if i := int(at); !in[int32(i)] {
			rest += each(i)
			seen++
		}
	}
	if seen > 0 {
		rest *= float64(e.items-len(in)) / float64(seen)
	}
	return had, max(rest, 1)
}

// meanOdds is the mean log of had/rest over an even sample of users.
func meanOdds(had, rest []float64) float64 {
	var sum, count float64
	step := max(1, float64(len(had))/1000)
	for at := 0.0; int(at) < len(had); at += step {
		if u := int(at); had[u] > 0 {
			sum += math.Log(had[u] / rest[u])
			count++
		}
	}
	return sum / max(1, count)
}

// repeatShare is the share of events, after each user's first, that are of an item the user had before at
// an earlier time.
func repeatShare(d *recipe.Data) float64 {
	var repeats, all float64
	seen := make(map[int32]int64)
	for u := range d.Users.Len() {
		clear(seen)
		items, times := d.History(u)
		for k, i := range items {
			if when, ok := seen[i]; ok && when < times[k] {
				repeats++
			}
			if k > 0 {
				all++
			}
			seen[i] = times[k]
		}
	}
	return (repeats + 0.01) / (all + 1)
}
