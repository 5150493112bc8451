package similar

import (
	"math"

	"github.com/kindredrec/kindred/internal/num/topk"
)

// A likeness says how alike two items are: by who touched both, and by what they are where features are known.
type likeness struct {
	params
	graph    *graph
	features *features // nil for none
	count    []float64 // users of the item at each place
	discount []float64 // what the popularity of the item at each place takes off its likeness to others
}

func newLikeness(p params, g *graph, f *features, users []int32) *likeness {
	n := len(users)
	l := &likeness{params: p, graph: g, features: f, count: make([]float64, n), discount: make([]float64, n)}
	exponent := p.discount
	if p.cosine {
		exponent /= 2
	}
	for at, i := range g.item {
		l.count[at] = float64(users[i])
		l.discount[at] = math.Pow(l.count[at], exponent)
	}
	return l
}

// neighbours puts the items most alike to item i into w.best.
func (l *likeness) neighbours(w *workspace, i int32) {
	w.best.Reset(neighbours)
	own := l.graph.place[i]
	w.product(l, own, func(at, both int32, match float32) {
		if at == own {
			return
		}
		s := l.byUsers(own, at, both)
		if l.features != nil {
			s = blend(s, float64(match), l.count[own], l.count[at])
		}
		if s > 0 {
			w.best.Push(topk.Make(float32(s), l.graph.item[at]))
		}
	})
}

// byUsers is how alike the items at two places are by the number of users of both and of each.
//
// For sims it is c/nⱼ^d: with d = 0 the popular win, with d = 1 only what goes together counts. For
// similar-items it is the cosine, and d discounts the popular on top.
func (l *likeness) byUsers(i, j, both int32) float64 {
	switch c := float64(both); {
	case c < l.minCount:
		return 0
	case l.cosine:
		return c / math.Sqrt(l.count[i]*l.count[j]) / l.discount[j]
	default:
		return c / l.discount[j]
	}
}

// blend mixes users' similarity with metadata's. An item seen by few has little of the first, so the
// second carries it: at 5 users they weigh the same; among well-known items it only breaks near-ties.
func blend(byUsers, byMeta, ni, nj float64) float64 {
	few := min(ni, nj) / 5
	w := 0.03 + 0.94/(1+few*few)
	return (1-w)*byUsers + w*byMeta
}
