package blend

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/feature"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A user of whom nothing but a record is known is answered as people of their kind are: by how many times as many of them
// have an item as of everybody, for each thing that the record says. It counts beside popularity, and soon no more once
// there are events.

// The bounds of what is told by users' metadata.
const (
	kinUsers    = 20_000 // whom it is learned from, evenly
	kinItems    = 20_000 // best-known items that it speaks of
	kinListed   = 512    // of these, for each thing a record can say
	kinHistory  = 200    // newest events of a user that are looked at
	kinTests    = 600    // users by whom it is weighed
	kinSample   = 4000   // items that these could have had, evenly
	kinForgot   = 20     // events from which on it counts no more
	kinDoubt    = 5      // users whose having an item would be chance
	kinStrength = 10     // the most that it may weigh
)

// A kinship tells of what a record says which items are more or less known to those of whom it is true.
type kinship struct {
	space *feature.Space
	lifts lists // for each dimension of the space: items, and by how much they are likelier, as a logarithm
	kin   kin
}

// A kin is the part of a kinship that is not arrays.
type kin struct {
	Fields []feature.Field
	Weight float64 // logit per unit of what is told
}

// learnContext returns what circumstances tell of items, as learnKin does of users' metadata: from the newest events of
// 20,000 users, each with the one item that it was about.
func learnContext(ctx context.Context, t *recipe.Training, order []int32, weight float64) (*kinship, error) {
	d := t.Data
	if len(d.Context) == 0 || len(d.Item) < 2*leastTests {
		return nil, nil
	}
	var events, items []int32
	step := max(1, float64(len(d.Item))/contextEvents)
	for at := 0.0; int(at) < len(d.Item); at += step {
		events, items = append(events, int32(at)), append(items, d.Item[int(at)])
	}
	space, table := feature.Learn(recipe.Rows(d.Context, events), len(events))
	if space == nil {
		return nil, nil
	}
	w := &kinWork{table: table, share: make([]float64, d.Items.Len()), items: order[:min(kinItems, len(order))], order: order}
	for k, i := range items {
		w.had = append(w.had, items[k:k+1])
		w.share[i] += 1 / float64(len(items))
	}
	return w.kinship(ctx, t, space, weight, mostContext)
}

// contextEvents is how many events are looked at, evenly, and mostContext the most that these may weigh: users differ in their
// circumstances as well, which is not to be taken for those.
const (
	contextEvents = 100_000
	mostContext   = 1
)

// A kinWork is what kinships are learned from.
type kinWork struct {
	table *feature.Table
	had   [][]int32 // distinct items of each user, ascending
	share []float64 // of the users, by item
	items []int32   // those that it speaks of
	order []int32   // all items by popularity
}

// learnKin returns what users' metadata tells; nil if that is nothing: if those whom it was not learned from are not told
// better, by more than twice the deviation of how much better. With a weight, that is kept instead.
//
// Memory: the distinct items of 20,000 users, 4 KB for each different thing that a record says, and 64 KB for each of 600
// tests.
func learnKin(ctx context.Context, t *recipe.Training, order []int32, weight float64) (*kinship, error) {
	users := recipe.SomeUsers(t.Data, kinUsers)
	if len(users) < 2*leastTests || len(t.Data.UserColumns) == 0 {
		return nil, nil
	}
	space, table := feature.Learn(recipe.Rows(t.Data.UserColumns, users), len(users))
	if space == nil {
		return nil, nil
	}
	w := newKinWork(t.Data, users, table, order)
	return w.kinship(ctx, t, space, weight, kinStrength)
}

// kinship weighs and learns from everybody.
func (w *kinWork) kinship(ctx context.Context, t *recipe.Training, space *feature.Space, weight, most float64) (*kinship, error) {
	if weight == 0 {
		var err error
		if weight, err = w.weigh(ctx, most, t.Threads); err != nil || weight == 0 {
			return nil, err
		}
	}
	everybody := make([]int32, len(w.had))
	for k := range everybody {
		everybody[k] = int32(k)
	}
	l, err := w.learn(ctx, everybody, t.Threads)
	t.Log.Debug("records", "terms", w.table.Terms, "weight", weight)
	return &kinship{space, l, kin{space.Fields, weight}}, err
}

func newKinWork(d *recipe.Data, users []int32, table *feature.Table, order []int32) *kinWork {
	w := &kinWork{table: table, share: make([]float64, d.Items.Len()), items: order[:min(kinItems, len(order))], order: order}
	for _, u := range users {
		items, _ := d.History(int(u))
		had := slices.Clone(items[max(0, len(items)-kinHistory):])
		slices.Sort(had)
		had = slices.Compact(had)
		w.had = append(w.had, had)
		for _, i := range had {
			w.share[i] += 1 / float64(len(users))
		}
	}
	return w
}

// learn makes the lists of some users, given by row: for each thing that a record says the items that differ most,
// ln((those of whom it is true and who had it + 5) / (as many as of everybody would have + 5)).
func (w *kinWork) learn(ctx context.Context, users []int32, threads int) (lists, error) {
	of := make([][]int32, w.table.Terms)
	for _, u := range users {
		terms, _ := w.table.Row(int(u))
		for _, t := range terms {
			of[t] = append(of[t], u)
		}
	}
	rows := make([][]neighbour, w.table.Terms)
	err := als.Spread(ctx, threads, len(rows), 4, func(lo, hi int) {
		count := make([]float64, len(w.share))
		for t := lo; t < hi; t++ {
			for _, u := range of[t] {
				for _, i := range w.had[u] {
					count[i]++
				}
			}
			rows[t] = w.lift(count, float64(len(of[t])))
			for _, u := range of[t] {
				for _, i := range w.had[u] {
					count[i] = 0
				}
			}
		}
	})
	return join(rows), err
}

// lift lists the items that so many users differ in most from everybody, given how many of them had each.
func (w *kinWork) lift(count []float64, users float64) []neighbour {
	all := make([]neighbour, 0, len(w.items))
	for _, i := range w.items {
		if by := math.Log((count[i] + kinDoubt) / (users*w.share[i] + kinDoubt)); by != 0 {
			all = append(all, neighbour{i, float32(by)})
		}
	}
	slices.SortFunc(all, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(math.Abs(float64(b.weight)), math.Abs(float64(a.weight))), cmp.Compare(a.item, b.item))
	})
	all = slices.Clone(all[:min(len(all), kinListed)])
	slices.SortFunc(all, func(a, b neighbour) int { return cmp.Compare(a.item, b.item) })
	return all
}

// weigh learns from either half of the users and weighs by the other.
func (w *kinWork) weigh(ctx context.Context, most float64, threads int) (float64, error) {
	var halves [2][]int32
	for u := range w.had {
		h := mix(uint64(len(w.had)), uint64(u)) & 1
		halves[h] = append(halves[h], int32(u))
	}
	var trials []feature.Trial
	for h := range halves {
		l, err := w.learn(ctx, halves[h], threads)
		if err != nil {
			return 0, err
		}
		others := halves[1-h]
		step := max(1, 2*float64(len(others))/kinTests)
		told := make([]float32, len(w.share))
		for at := 0.0; int(at) < len(others); at += step {
			u := others[int(at)]
			terms, values := w.table.Row(int(u))
			set := tell(&l, terms, values, 1, told, nil)
			trials = append(trials, w.trial(w.had[u], told))
			for _, i := range set {
				told[i] = 0
			}
		}
	}
	return feature.Weigh(trials, most), nil
}

// trial is of what a user had, with what is told of each item.
func (w *kinWork) trial(had []int32, told []float32) (t feature.Trial) {
	bias := func(i int32) float32 { return float32(math.Log(w.share[i]*float64(len(w.had)) + 1)) }
	for _, i := range had {
		t.TruthTold, t.TruthBias = append(t.TruthTold, told[i]), append(t.TruthBias, bias(i))
	}
	t.Step = max(1, float64(len(w.order))/kinSample)
	for at := 0.0; int(at) < len(w.order); at += t.Step {
		i := w.order[int(at)]
		if _, mine := slices.BinarySearch(had, i); !mine {
			t.Told, t.Bias = append(t.Told, told[i]), append(t.Bias, bias(i))
		}
	}
	return t
}

// tell adds by times what a row's terms tell of items to sum, and appends these to set, each once as long as their sums are
// 0 outside of it.
func tell(l *lists, terms []int32, values []float32, by float32, sum []float32, set []int32) []int32 {
	for k, t := range terms {
		items, lifts := l.of(t)
		for j, i := range items {
			if sum[i] == 0 {
				set = append(set, i)
			}
			sum[i] += by * values[k] * lifts[j]
		}
	}
	return set
}

// hear adds what a query's record tells, if it has little history, and what its circumstances do, and has the items scored that
// these speak of.
func (d *desk) hear(l *learned, q *recipe.Query) {
	for _, i := range d.kinSet {
		d.kin[i] = 0
	}
	d.kinSet = d.kinSet[:0]
	if n := float64(len(q.Items)); n < kinForgot {
		d.hearOf(l.kin, q.User, 2/(2+n)*(1-n/kinForgot))
	}
	d.hearOf(l.context, q.Context, 1)
	d.touchAll(d.kinSet)
}

// hearOf adds by times what a record tells; nothing for none.
func (d *desk) hearOf(k *kinship, record recipe.Attributes, by float64) {
	if k == nil || record == nil {
		return
	}
	if d.kin == nil {
		d.kin = make([]float32, len(d.seen))
	}
	terms, values := k.space.Row(record)
	d.kinSet = tell(&k.lifts, terms, values, float32(k.kin.Weight*by), d.kin, d.kinSet)
}

// told is what the query's record adds to the logit of item i.
func (d *desk) told(i int32) float64 {
	if len(d.kinSet) == 0 {
		return 0
	}
	return float64(d.kin[i])
}

// put writes the arrays of a kinship, nothing for nil; its kin is part of the settings: the space's and
// lists of that name, kin or context, one for each dimension.
func (k *kinship) put(w *artifact.Writer, name string) error {
	if k == nil {
		return nil
	}
	if err := recipe.PutSpace(w, name, k.space); err != nil {
		return err
	}
	return k.lifts.put(w, name)
}

// getKin opens what put wrote; nil for nil.
func getKin(f *artifact.File, name string, of *kin) (k *kinship, err error) {
	if of == nil {
		return nil, nil
	}
	k = &kinship{kin: *of}
	if k.space, err = recipe.GetSpace(f, name, of.Fields); err != nil {
		return nil, err
	}
	if k.lifts, err = getLists(f, name, len(k.space.Places)); err != nil {
		return nil, fmt.Errorf("what %s tells: %w", name, err)
	}
	return k, nil
}
