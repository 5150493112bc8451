package recipe

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// The most questions that the metrics of segments are measured on: an even sample, by hash, of more.
const (
	itemTests      = 500
	attributeTests = 100
	segmentBlock   = 32
)

// HoldoutEvents makes the split that segments are measured on (training.md §9): the oldest four fifths of each
// user's events stay in training, and later[u] is the distinct items of user u's others, ascending. Users
// with one event keep it. train shares the users, the items and their columns with d.
func HoldoutEvents(d *Data) (train *Data, later [][]int32) {
	s := *d
	s.clear()
	later = make([][]int32, d.Users.Len())
	for u := range later {
		a, b := d.Start[u], d.Start[u+1]
		cut := a + kept(b-a)
		s.take(d, a, cut)
		later[u] = slices.Clone(d.Item[cut:b])
		slices.Sort(later[u])
		later[u] = slices.Compact(later[u])
	}
	return &s, later
}

// kept is how many of n events stay in training.
func kept(n int64) int64 {
	if n < 2 {
		return n
	}
	return min(n-1, max(1, int64(math.Round(0.8*float64(n)))))
}

// A segmentTest is one question with its answer.
type segmentTest struct {
	name  string // decides whether it is in the sample
	items []int32
	truth []int32 // users
}

// EvaluateSegments asks model about items, or about single values of attributes, that users had later, and
// returns the service's metrics, rounded to 4 decimals. later is by the users of d, which the model must
// have been trained on as HoldoutEvents cut them.
func EvaluateSegments(ctx context.Context, model SegmentModel, asks Asks, d *Data, later [][]int32, seed uint64) (map[string]float64, error) {
	var tests []segmentTest
	var err error
	if asks == UsersByAttributes {
		tests, err = attributeSegments(model, d, later, seed)
	} else {
		tests = itemSegments(d, later, seed)
	}
	if err != nil {
		return nil, err
	}
	users := d.Users.Len()
	results := make([]eval.Segment, 0, len(tests))
	answers := make([][]int32, segmentBlock)
	for part := range slices.Chunk(tests, segmentBlock) {
		queries := make([]SegmentQuery, len(part))
		for k, t := range part {
			queries[k] = SegmentQuery{Items: t.items, Count: eval.OnePercent(users)}
		}
		if err := model.Segment(ctx, queries, answers[:len(part)]); err != nil {
			return nil, err
		}
		for k, t := range part {
			results = append(results, eval.Segment{Listed: slices.Clone(answers[k]), Truth: t.truth})
		}
	}
	return eval.Round(eval.SegmentMetrics(results, users)), nil
}

// itemSegments asks for single items.
func itemSegments(d *Data, later [][]int32, seed uint64) []segmentTest {
	users := make([][]int32, d.Items.Len())
	for u, items := range later {
		for _, i := range items {
			users[i] = append(users[i], int32(u))
		}
	}
	var tests []segmentTest
	for i, truth := range users {
		if len(truth) > 0 {
			tests = append(tests, segmentTest{d.Items.At(i), []int32{int32(i)}, truth})
		}
	}
	return sample(tests, itemTests, seed)
}

// attributeSegments asks for single values of the columns that are categorical or numbers.
func attributeSegments(model SegmentModel, d *Data, later [][]int32, seed uint64) ([]segmentTest, error) {
	var tests []segmentTest
	conditions := map[string]Condition{}
	for _, c := range d.Columns {
		for _, v := range columnValues(c, d.Items.Len()) {
			name := c.Name() + "=" + v.Text
			conditions[name] = v
			tests = append(tests, segmentTest{name: name})
		}
	}
	tests = sample(tests, attributeTests, seed)
	has := bitset.New(d.Items.Len())
	for k := range tests {
		t := &tests[k]
		var err error
		if t.items, err = model.Select([]Condition{conditions[t.name]}); err != nil {
			return nil, err
		}
		has.Clear()
		for _, i := range t.items {
			has.Add(int(i))
		}
		for u, items := range later {
			if slices.ContainsFunc(items, func(i int32) bool { return has.Has(int(i)) }) {
				t.truth = append(t.truth, int32(u))
			}
		}
	}
	return tests, nil
}

// columnValues are the distinct values of a column that can be asked for, in some order.
func columnValues(c Column, n int) []Condition {
	seen := map[Condition]bool{}
	for i := range n {
		if v, ok := c.Number(i); ok {
			seen[Condition{c.Name(), strconv.FormatFloat(v, 'g', -1, 64), true}] = true
			continue
		}
		text, ok := c.Text(i)
		if !ok || !c.Categorical() {
			continue
		}
		for part := range strings.SplitSeq(text, "|") {
			if part != "" {
				seen[Condition{c.Name(), part, false}] = true
			}
		}
	}
	values := make([]Condition, 0, len(seen))
	for v := range seen {
		values = append(values, v)
	}
	return values
}

// sample keeps at most n tests, those whose names have the smallest hashes.
func sample(tests []segmentTest, n int, seed uint64) []segmentTest {
	slices.SortFunc(tests, func(a, b segmentTest) int {
		return cmp.Or(cmp.Compare(hashID(seed, a.name), hashID(seed, b.name)), cmp.Compare(a.name, b.name))
	})
	return tests[:min(n, len(tests))]
}
