package dataset

import (
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/artifact"
)

// impression is the column of interactions that lists the items which a user was shown, joined by '|'.
const impression = "IMPRESSION"

// writeShown counts for each item how often it was among those shown with an event that was about another: looked at, and not
// taken. It writes nothing if no interactions say what was shown. Memory: the items of one block's impressions.
func (b *builder) writeShown(w *artifact.Writer) error {
	s := b.parts.Interactions.Schema
	if s == nil || s.index(impression) < 0 {
		return nil
	}
	shown := make([]int32, len(b.items.order))
	err := b.blocks(b.parts.Interactions, func(s *segment, block int) error {
		items, err := s.column(block, "ITEM_ID")
		if err != nil {
			return err
		}
		lists, err := s.column(block, impression)
		if err != nil || lists.codes == nil {
			return err
		}
		taken, listed := b.items.ranks(&items), b.listed(&lists)
		for row, code := range lists.codes {
			for _, i := range listed[code] {
				if i != taken[items.codes[row]] {
					shown[i]++
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return artifact.Put(w, "shown", shown)
}

// listed returns the ranks of the items in each value of a column of impressions, each item once; those that nothing else
// speaks of are left out.
func (b *builder) listed(v *values) [][]uint32 {
	out := make([][]uint32, v.dict.Len())
	for code := 1; code < len(out); code++ {
		for id := range strings.SplitSeq(v.dict.At(code), "|") {
			if n, ok := b.items.ids.Find(id); ok && id != "" {
				out[code] = append(out[code], b.items.rank[n])
			}
		}
		slices.Sort(out[code])
		out[code] = slices.Compact(out[code])
	}
	return out
}
