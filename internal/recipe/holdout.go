package recipe

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// A Test is one held-out user: the history to recommend from, and the items that came next.
type Test struct {
	Items   []int32 // oldest first
	Times   []int64
	Truth   []int32   // distinct, ascending
	Worth   []float32 // parallel to Truth: the most that an event with the item weighs; nil when all weigh alike
	User    Attributes
	Context Attributes // of the first of what came next
}

// Holdout makes the split that solution metrics are measured on (training.md §9): a tenth of the users,
// chosen by a hash of seed and id, are for testing; the oldest nine tenths of their events are the
// model's input and the rest is the truth. Users with one event stay in training. train shares the items
// and whatever else it can with d, and has only the other users. If the hash chooses nobody, the last
// user with two events is chosen.
func Holdout(d *Data, seed uint64) (train *Data, tests []Test) {
	out := make([]bool, d.Users.Len())
	last, some := -1, false
	for u := range out {
		if d.Start[u+1]-d.Start[u] < 2 {
			continue
		}
		last = u
		out[u] = hashID(seed, d.Users.At(u))%10 == 0
		some = some || out[u]
	}
	if !some && last >= 0 {
		out[last] = true
	}
	for u, o := range out {
		if o {
			tests = append(tests, d.newTest(u))
		}
	}
	return d.Subset(func(u int) bool { return !out[u] }), tests
}

// newTest cuts the history of user u, which has at least two events.
func (d *Data) newTest(u int) Test {
	items, times := d.History(u)
	cut := min(len(items)-1, max(1, int(math.Round(0.9*float64(len(items))))))
	truth := slices.Clone(items[cut:])
	slices.Sort(truth)
	t := Test{Items: items[:cut], Times: times[:cut], Truth: slices.Compact(truth), User: d.Attributes(u), Context: d.ContextOf(d.Start[u] + int64(cut))}
	if d.Weight != nil {
		t.Worth = make([]float32, len(t.Truth))
		for k, w := range d.Weight[d.Start[u]+int64(cut) : d.Start[u+1]] {
			at, _ := slices.BinarySearch(t.Truth, items[cut+k])
			t.Worth[at] = max(t.Worth[at], w)
		}
	}
	return t
}

// Subset returns d with the users that keep chooses. Items and their columns are shared.
func (d *Data) Subset(keep func(u int) bool) *Data {
	s := *d
	s.clear()
	var users []int32
	for u := range d.Users.Len() {
		if !keep(u) {
			continue
		}
		users = append(users, int32(u))
		s.take(d, d.Start[u], d.Start[u+1])
	}
	s.Users, s.UserColumns = some{d.Users, users}, Rows(d.UserColumns, users)
	return &s
}

// Before returns d as it was before a moment: without the events from then on, and without the users that have
// no others. Items and their columns are shared.
func (d *Data) Before(moment int64) *Data {
	s := *d
	s.clear()
	var users []int32
	for u := range d.Users.Len() {
		a, b := d.Start[u], d.Start[u+1]
		n, _ := slices.BinarySearch(d.Time[a:b], moment)
		if n == 0 {
			continue
		}
		users = append(users, int32(u))
		s.take(d, a, a+int64(n))
	}
	s.Users, s.UserColumns = some{d.Users, users}, Rows(d.UserColumns, users)
	return &s
}

// clear leaves no users and no events.
func (d *Data) clear() {
	d.Start, d.Item, d.Time, d.Event, d.Value, d.Weight, d.Context = []int64{0}, nil, nil, nil, nil, nil, nil
}

// take appends a user with the events that another has from a to b.
func (d *Data) take(from *Data, a, b int64) {
	d.add(from, a, b)
	d.Start = append(d.Start, int64(len(d.Item)))
}

// add appends these events and ends no user.
func (d *Data) add(from *Data, a, b int64) {
	d.Item, d.Time = append(d.Item, from.Item[a:b]...), append(d.Time, from.Time[a:b]...)
	if from.Event != nil {
		d.Event = append(d.Event, from.Event[a:b]...)
	}
	if from.Value != nil {
		d.Value = append(d.Value, from.Value[a:b]...)
	}
	if from.Weight != nil {
		d.Weight = append(d.Weight, from.Weight[a:b]...)
	}
	d.addContext(from, a, b)
}

// some is a part of Names, in the same order.
type some struct {
	all  Names
	kept []int32 // ascending
}

func (s some) Len() int        { return len(s.kept) }
func (s some) At(i int) string { return s.all.At(int(s.kept[i])) }

func (s some) Find(id string) (int, bool) {
	i, ok := s.all.Find(id)
	if !ok {
		return 0, false
	}
	return slices.BinarySearch(s.kept, int32(i))
}

// hashID is FNV-1a over seed and id, with a final mixing so that every bit is good.
func hashID(seed uint64, id string) uint64 {
	h := uint64(14695981039346656037) ^ seed*0x9e3779b97f4a7c15
	for k := range len(id) {
		h = (h ^ uint64(id[k])) * 1099511628211
	}
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

// rankingDistractors is how many items, drawn evenly, stand beside the truth in the list that a ranking
// recipe is tested on.
const rankingDistractors = 100

// Evaluate asks model about every test and returns the service's metrics, rounded to 4 decimals. The
// model's items must be those of the data the tests were cut from.
//
//   - ByUser: the list for the user, from all items.
//   - ByItem: the list for the newest item of the history.
//   - ByUserList: the truth and 100 items drawn evenly by hash of the user's place, in the model's order.
func Evaluate(ctx context.Context, model Model, asks Asks, tests []Test) (map[string]float64, error) {
	results, err := lists(ctx, model, asks, tests, eval.Depth)
	if err != nil {
		return nil, err
	}
	return eval.Round(eval.Metrics(results, model.Items().Len())), nil
}

// lists asks model about every test for lists of a length.
func lists(ctx context.Context, model Model, asks Asks, tests []Test, depth int) ([]eval.Result, error) {
	const block = 256
	n := model.Items().Len()
	results := make([]eval.Result, 0, len(tests))
	answers := make([]Answer, min(block, len(tests)))
	for from := 0; from < len(tests); from += block {
		part := tests[from:min(from+block, len(tests))]
		queries := make([]Query, len(part))
		for k, t := range part {
			queries[k] = t.query(asks, uint64(from+k), n)
			queries[k].Count = depth
		}
		if err := model.Rank(ctx, queries, answers[:len(part)]); err != nil {
			return nil, err
		}
		for k, t := range part {
			results = append(results, eval.Result{Listed: slices.Clone(answers[k].Items), Truth: t.Truth, Gain: t.Worth})
		}
	}
	return results, nil
}

// query asks about the test in a recipe's way.
func (t Test) query(asks Asks, place uint64, n int) Query {
	q := Query{Known: true, Items: t.Items, Times: t.Times, User: t.User, Context: t.Context, Item: -1, Count: eval.Depth, Explore: &Exploration{}}
	switch asks {
	case ByItem:
		q.Item = t.Items[len(t.Items)-1]
	case ByUserList:
		in := bitset.New(n)
		for _, i := range t.Truth {
			in.Add(int(i))
		}
		for k := range uint64(rankingDistractors) {
			in.Add(int(hashID(place<<8|k, "") % uint64(n)))
		}
		for i := range in.All {
			q.List = append(q.List, int32(i))
		}
	}
	return q
}
