package factors

import (
	"math"

	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// reference is the rank whose logit a lucky new item is lifted to: the default length of a list, but
// never more than a tenth of the catalogue.
const reference = 25

// explore lifts the logit s of new items, those at most MaxAge days older than the newest interaction, by
//
//	2.5 · Weight · max(0, logit at the reference rank − s) · luck / ln(1+m) / √(1+count)
//
// where luck is exponential with mean 1, drawn from the query's seed and the item, and m is how many new
// items there are. The luckiest of m has luck of about ln m. So with tens of unseen items a weight of 0.3
// brings one into every third list and a weight of 1 fills half of it, thousands do not flood it, and
// an item that many users have met gets little. As items are only lifted, the best of the scan and the
// lifted ones together hold the best of all.
func (m *model) explore(q *recipe.Query, h history, j *topk.Job) {
	oldest := float64(m.settings.Newest) - q.Explore.MaxAge*86400
	var young []int32
	for i, created := range m.created {
		if float64(created) >= oldest && (q.Allow == nil || q.Allow.Has(i)) {
			young = append(young, int32(i))
		}
	}
	keys := append([]topk.Key(nil), j.Best.Sorted()...)
	if len(young) == 0 || len(keys) == 0 {
		j.Best.Reset(len(keys))
		for _, k := range keys {
			j.Best.Push(k)
		}
		return
	}
	lifted := make(map[int32]bool, len(young))
	j.Best.Reset(max(q.Count, reference))
	top := keys[min(reference, max(1, m.matrix.N/10), len(keys))-1].Score()
	unit := 2.5 * q.Explore.Weight / math.Log(1+float64(len(young)))
	for _, i := range young {
		lifted[i] = true
		s := m.logit(j, h, i)
		share := unit * luck(q.Seed, i) / math.Sqrt(1+float64(m.count[i]))
		up := s + float32(share*float64(max(0, top-s)))
		j.Sum += math.Exp(float64(up)-j.Shift) - math.Exp(float64(s)-j.Shift)
		j.Best.Push(topk.Make(up, i))
	}
	for _, k := range keys {
		if !lifted[k.Index()] {
			j.Best.Push(k)
		}
	}
}

// logit is the score of an item before it is lifted.
func (m *model) logit(j *topk.Job, h history, i int32) float32 {
	s := m.matrix.Score(j, int(i))
	for _, had := range h.items {
		if had == i {
			return s + float32(m.settings.Repeat)
		}
	}
	return s
}

// luck is an exponential draw of mean 1 that belongs to seed and item.
func luck(seed uint64, i int32) float64 {
	u := (float64(mix(seed, uint64(i))>>11) + 0.5) / (1 << 53)
	return -math.Log(u)
}
