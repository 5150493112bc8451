package blend

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/feature"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// What items say of themselves is one more voice: how like an item's metadata is to that of what the user had lately. It is
// the only one that speaks of items nobody has met, so these are ranked by it. Memory: 8 bytes for each of at most 16
// features of an item, and 4 bytes for each different one.

// The bounds of what is read of items and scored for everybody.
const (
	mostFeatures = 16   // of an item, the heaviest
	mostUnmet    = 1000 // items that few users have met, the newest ones
	contentFade  = 20   // events in which what the user had counts half
)

// contentFloor is the weight that the voice has at least, by the logarithm: little enough to change nothing between items that
// others speak of.
const contentFloor = 0.02

// A content is the items' features as rows of unit length.
type content struct {
	table    feature.Table
	unmet    []int32   // items that few users have met, ascending
	unproven []float32 // by item: recipe.Unproven
}

// newContent reads the items' columns; nil if these tell nothing apart.
func newContent(d *recipe.Data) *content {
	if len(d.Columns) == 0 {
		return nil
	}
	_, all := feature.Learn(d.Columns, d.Items.Len())
	if all == nil {
		return nil
	}
	c := &content{table: feature.Table{Start: make([]int64, 1, all.Len()+1), Terms: all.Terms}}
	var order []int
	for i := range all.Len() {
		terms, values := all.Row(i)
		order = heaviest(order[:0], values)
		var squares float64
		for _, k := range order {
			squares += float64(values[k]) * float64(values[k])
		}
		for _, k := range order {
			c.table.Term = append(c.table.Term, terms[k])
			c.table.Value = append(c.table.Value, float32(float64(values[k])/math.Sqrt(squares)))
		}
		c.table.Start = append(c.table.Start, int64(len(c.table.Term)))
	}
	return c
}

// heaviest appends the places of the heaviest values, ascending.
func heaviest(places []int, values []float32) []int {
	for k := range values {
		places = append(places, k)
	}
	if len(places) > mostFeatures {
		slices.SortFunc(places, func(a, b int) int { return cmp.Or(cmp.Compare(values[b], values[a]), cmp.Compare(a, b)) })
		places = places[:mostFeatures]
		slices.Sort(places)
	}
	return places
}

// among returns the content with those of the items that few users have met, and which of them are scored: the
// newest ones. It shares the rows.
func (c *content) among(created []int64, users []float64) *content {
	if c == nil {
		return nil
	}
	var unmet []int32
	unproven := make([]float32, len(users))
	for i, n := range users {
		unproven[i] = float32(recipe.Unproven(n))
		if unproven[i] > 0 && c.table.Start[i] < c.table.Start[i+1] {
			unmet = append(unmet, int32(i))
		}
	}
	if len(unmet) > mostUnmet {
		slices.SortStableFunc(unmet, func(a, b int32) int { return cmp.Compare(created[b], created[a]) })
		unmet = unmet[:mostUnmet]
		slices.Sort(unmet)
	}
	return &content{c.table, unmet, unproven}
}

// terms is the number of different features, 0 without any.
func (c *content) terms() int {
	if c == nil {
		return 0
	}
	return c.table.Terms
}

// alone sets what the voice weighs where it is the only one that speaks: what makes the examples likeliest by it alone.
func (s *settings) alone(ctx context.Context, l *learned, examples []example, threads int) error {
	if l.content == nil {
		return nil
	}
	use := [signals]bool{2 * contentVoice: true, 2*contentVoice + 1: true}
	w, err := rising(ctx, examples, [signals]float64{}, use, threads)
	s.Alone = [2]float64{w[2*contentVoice], max(contentFloor, w[2*contentVoice+1])}
	return err
}

// unmet is what is added to the logit of item i because few users have met it: what its metadata, whose two signals are x, would
// weigh alone, as far as nothing else speaks of it.
func (s *settings) unmet(c *content, i int32, x [2]float64) float64 {
	if c == nil || c.unproven[i] == 0 {
		return 0
	}
	more := 0.0
	for k, w := range s.Alone {
		more += max(0, w-s.Weights[2*contentVoice+k]) * x[k]
	}
	return float64(c.unproven[i]) * more
}

// leastExplained is how much of the differences between a network's vectors features must explain to be of use.
const leastExplained = 0.01

// told returns the network with the vectors of the items that few users have met mixed with what their metadata tells, as
// the network knows nothing of them; the same network where metadata tells nothing.
func (n *network) told(ctx context.Context, c *content, threads int) (*network, error) {
	if n == nil || c == nil {
		return n, nil
	}
	targets := feature.Targets{Vectors: n.Vectors(), Dim: n.Shape().Width, Stride: n.Shape().Width}
	for i, u := range c.unproven {
		if u == 0 {
			targets.Records = append(targets.Records, int32(i))
		}
	}
	penalty, explained, err := c.table.Choose(ctx, targets, threads)
	if err != nil || explained < leastExplained {
		return n, err
	}
	vectors, err := c.table.Fill(ctx, targets, penalty, func(i int) float32 { return c.unproven[i] }, threads)
	if err != nil {
		return nil, err
	}
	return finish(seqnet.Of(n.Shape(), n.Params(), vectors))
}

// A profile is what a history's items say of themselves, in sum.
type profile struct {
	content *content // nil if there is none
	sum     []float32
	set     []int32 // terms whose sum may not be 0
}

func newProfile(c *content) profile { return profile{content: c, sum: make([]float32, c.terms())} }

func (p *profile) reset() {
	for _, t := range p.set {
		p.sum[t] = 0
	}
	p.set = p.set[:0]
}

// add adds item i, which the user last had so many events ago.
func (p *profile) add(i int32, age int, recency bool) {
	if p.content == nil {
		return
	}
	by := float32(1)
	if recency {
		by = float32(math.Exp2(-float64(age) / contentFade))
	}
	terms, values := p.content.table.Row(int(i))
	for k, t := range terms {
		if p.sum[t] == 0 {
			p.set = append(p.set, t)
		}
		p.sum[t] += by * values[k]
	}
}

// likeness is that of item i to the profile.
func (p *profile) likeness(i int32) (sum float32) {
	if p.content == nil || len(p.set) == 0 {
		return 0
	}
	terms, values := p.content.table.Row(int(i))
	for k, t := range terms {
		sum += p.sum[t] * values[k]
	}
	return sum
}

// put writes the arrays of the content, nothing for nil:
//
//	content.start   int64, item i's features are content.term[content.start[i]:content.start[i+1]]
//	content.term    int32, ascending
//	content.value   float32, alongside
//	content.unproven  float32, recipe.Unproven of each item
//	content.unmet   int32, items that few users have met, ascending
func (c *content) put(w *artifact.Writer) error {
	if c == nil {
		return nil
	}
	if err := artifact.Put(w, "content.start", c.table.Start); err != nil {
		return err
	}
	if err := artifact.Put(w, "content.term", c.table.Term); err != nil {
		return err
	}
	if err := artifact.Put(w, "content.value", c.table.Value); err != nil {
		return err
	}
	if err := artifact.Put(w, "content.unproven", c.unproven); err != nil {
		return err
	}
	return artifact.Put(w, "content.unmet", c.unmet)
}

// getContent opens what put wrote of so many features, for n items; nil for 0.
func getContent(f *artifact.File, terms, n int) (c *content, err error) {
	if terms == 0 {
		return nil, nil
	}
	c = &content{table: feature.Table{Terms: terms}}
	if c.table.Start, err = artifact.Get[int64](f, "content.start"); err != nil {
		return nil, err
	}
	if c.table.Term, err = artifact.Get[int32](f, "content.term"); err != nil {
		return nil, err
	}
	if c.table.Value, err = artifact.Get[float32](f, "content.value"); err != nil {
		return nil, err
	}
	if c.unmet, err = artifact.Get[int32](f, "content.unmet"); err != nil {
		return nil, err
	}
	if c.unproven, err = artifact.Get[float32](f, "content.unproven"); err != nil {
		return nil, err
	}
	if len(c.unproven) != n || len(c.table.Start) != n+1 || c.table.Start[n] != int64(len(c.table.Term)) || len(c.table.Term) != len(c.table.Value) {
		return nil, fmt.Errorf("the features do not fit %d items", n)
	}
	return c, nil
}
