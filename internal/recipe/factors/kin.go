package factors

import (
	"context"
	"math"
	"sort"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/feature"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A user of whom nothing but a record is known is answered as people of their kind are: a ridge regression from
// users' metadata to the vectors that they are encoded with tells in which direction theirs would lie from the mean. It
// counts beside popularity, and as little as that once there are events.

// The bounds of what is told by users' metadata.
const (
	kinUsers    = 20_000 // whom it is learned from, evenly
	kinTests    = 600    // by whom it is weighed
	kinTruth    = 50     // newest distinct items of one of these
	kinForgot   = 20     // distinct items of a history from which on it counts no more
	kinStrength = 60     // the most that it may weigh
)

// A kinship tells of a user's record what vector to begin with.
type kinship struct {
	space *feature.Space
	to    *feature.Map
	kin   kin
}

// A kin is the part of a kinship that is not arrays.
type kin struct {
	Fields []feature.Field
	Weight float64 // logit per unit of inner product with what is told
}

// at adds what the vector of a user with so many distinct items begins with, scaled.
func (k *kinship) at(user recipe.Attributes, items int, x []float32) {
	if items < kinForgot {
		k.add(user, float64(popularityWeight(items))*(1-float64(items)/kinForgot), x)
	}
}

// add adds by times what is told of a record; nothing if nothing is.
func (k *kinship) add(record recipe.Attributes, by float64, x []float32) {
	if k == nil || record == nil {
		return
	}
	terms, values := k.space.Row(record)
	k.to.AddTerms(float32(k.kin.Weight*by), terms, values, x)
}

// learnKin returns what users' metadata tells; nil if that is nothing: if those whom it was not learned from are not told
// better, by more than twice the deviation of how much better.
//
// Memory: vectors of 20,000 users, features as [feature.Learn] has it, and 16 KB for each of 600 tests.
func learnKin(ctx context.Context, t recipe.Training, s *settings, solver *als.Solver, vectors, bias []float32) (*kinship, error) {
	users := recipe.SomeUsers(t.Data, kinUsers)
	if len(users) < 2*leastHeld || len(t.Data.UserColumns) == 0 {
		return nil, nil
	}
	space, table := feature.Learn(recipe.Rows(t.Data.UserColumns, users), len(users))
	if space == nil {
		return nil, nil
	}
	histories := make([]history, len(users))
	encoded := make([]float32, len(users)*solver.Stride())
	err := als.Spread(ctx, t.Threads, len(users), 16, func(lo, hi int) {
		w := solver.Workspace()
		for k := lo; k < hi; k++ {
			items, _ := t.Data.History(int(users[k]))
			histories[k] = distinct(items)
			copy(encoded[k*solver.Stride():], encode(solver, w, s.Encoder, histories[k]))
		}
	})
	if err != nil {
		return nil, err
	}
	targets := feature.Targets{Records: upTo(len(users)), Vectors: encoded, Dim: s.Dim, Stride: solver.Stride()}
	penalty, explained, err := table.Choose(ctx, targets, t.Threads)
	if err != nil || explained <= 0 {
		return nil, err
	}
	weight, err := weighKin(ctx, table, targets, penalty, t.Threads, func(k int, x []float32) feature.Trial {
		items := histories[k].items
		return newTrial(x, items[max(0, len(items)-kinTruth):], vectors, func(i int) float32 { return bias[i] })
	})
	t.Log.Debug("metadata of users", "terms", table.Terms, "penalty", penalty, "explains", explained, "weight", weight)
	if err != nil || weight == 0 {
		return nil, err
	}
	to, err := table.Fit(ctx, targets, penalty, t.Threads)
	return &kinship{space, to, kin{space.Fields, weight}}, err
}

// learnContext returns what circumstances tell of the items that are taken in them, beside who takes them: a ridge
// regression from contextual columns to the items' vectors, weighed beside what the user's history says. nil if that is
// nothing.
func learnContext(ctx context.Context, t recipe.Training, s *settings, solver *als.Solver, vectors, bias []float32) (*kinship, error) {
	d := t.Data
	if len(d.Context) == 0 || len(d.Item) < 2*leastHeld {
		return nil, nil
	}
	events := someEvents(d)
	space, table := feature.Learn(recipe.Rows(d.Context, events), len(events))
	if space == nil {
		return nil, nil
	}
	stride := solver.Stride()
	taken := make([]float32, 0, len(events)*stride)
	for _, k := range events {
		i := int(d.Item[k])
		taken = append(taken, vectors[i*stride:(i+1)*stride]...)
	}
	targets := feature.Targets{Records: upTo(len(events)), Vectors: taken, Dim: s.Dim, Stride: stride}
	penalty, explained, err := table.Choose(ctx, targets, t.Threads)
	if err != nil || explained <= 0 {
		return nil, err
	}
	weight, err := weighKin(ctx, table, targets, penalty, t.Threads, func(k int, x []float32) feature.Trial {
		at := int64(events[k])
		u := sort.Search(d.Users.Len(), func(u int) bool { return d.Start[u+1] > at })
		return newTrial(x, d.Item[at:at+1], vectors, s.logits(solver, distinct(d.Item[d.Start[u]:at]), vectors, bias))
	})
	t.Log.Debug("circumstances", "terms", table.Terms, "penalty", penalty, "explains", explained, "weight", weight)
	if err != nil || weight == 0 {
		return nil, err
	}
	to, err := table.Fit(ctx, targets, penalty, t.Threads)
	return &kinship{space, to, kin{space.Fields, weight}}, err
}

// logits returns what the logit of an item is after a history, by the factors and popularity.
func (s *settings) logits(solver *als.Solver, h history, vectors, bias []float32) func(i int) float32 {
	x := make([]float32, solver.Stride())
	if len(h.items) > 0 {
		x = encode(solver, solver.Workspace(), s.Encoder, h)
	}
	return func(i int) float32 {
		return float32(s.Scale)*f32.Dot(x, vectors[i*len(x):(i+1)*len(x)]) + popularityWeight(len(h.items))*bias[i]
	}
}

// someEvents are at most kinUsers events, evenly.
func someEvents(d *recipe.Data) (events []int32) {
	step := max(1, float64(len(d.Item))/kinUsers)
	for at := 0.0; int(at) < len(d.Item); at += step {
		events = append(events, int32(at))
	}
	return events
}

func upTo(n int) []int32 {
	out := make([]int32, n)
	for k := range out {
		out[k] = int32(k)
	}
	return out
}

// weighKin returns what makes the truth of records likeliest that are told by others: the weight of the inner product beside
// what a trial says. 0 if it does not help for sure.
func weighKin(ctx context.Context, table *feature.Table, targets feature.Targets, penalty float64, threads int, trial func(record int, x []float32) feature.Trial) (float64, error) {
	halves := targets.Halves()
	var tests []feature.Trial
	for h := range halves {
		m, err := table.Fit(ctx, halves[h], penalty, threads)
		if err != nil {
			return 0, err
		}
		others := halves[1-h].Records
		step := max(1, float64(len(others))*2/kinTests)
		part := make([]feature.Trial, int(math.Ceil(float64(len(others))/step)))
		err = als.Spread(ctx, threads, len(part), 4, func(lo, hi int) {
			x := make([]float32, targets.Stride)
			for k := lo; k < hi; k++ {
				u := int(others[min(len(others)-1, int(float64(k)*step))])
				clear(x)
				terms, values := table.Row(u)
				m.AddTerms(1, terms, values, x)
				part[k] = trial(u, x)
			}
		})
		if err != nil {
			return 0, err
		}
		tests = append(tests, part...)
	}
	return feature.Weigh(tests, kinStrength), nil
}

// newTrial scores the items with what is told by x, beside the logits that bias has of all.
func newTrial(x []float32, truth []int32, vectors []float32, bias func(i int) float32) (t feature.Trial) {
	n := len(vectors) / len(x)
	score := func(i int) float32 { return f32.Dot(x, vectors[i*len(x):(i+1)*len(x)]) }
	had := map[int32]bool{}
	for _, i := range truth {
		had[i] = true
		t.TruthTold, t.TruthBias = append(t.TruthTold, score(int(i))), append(t.TruthBias, bias(int(i)))
	}
	t.Step = max(1, float64(n)/calibrationItems)
	for at := 0.0; int(at) < n; at += t.Step {
		if i := int(at); !had[int32(i)] {
			t.Told, t.Bias = append(t.Told, score(i)), append(t.Bias, bias(i))
		}
	}
	return t
}

// put writes the arrays of a kinship, nothing for nil; its kin is part of the settings:
//
//	NAME.vectors  float32, Dim numbers for each dimension of the space
//
// and the space's, where NAME is kin or context.
func (k *kinship) put(w *artifact.Writer, name string) error {
	if k == nil {
		return nil
	}
	if err := recipe.PutSpace(w, name, k.space); err != nil {
		return err
	}
	return artifact.Put(w, name+".vectors", k.to.Terms)
}

// getKin opens what put wrote; nil for nil. It refers to f's memory.
func getKin(f *artifact.File, name string, of *kin, dim int) (*kinship, error) {
	if of == nil {
		return nil, nil
	}
	k := &kinship{to: &feature.Map{Mean: make([]float32, dim)}, kin: *of}
	var err error
	if k.space, err = recipe.GetSpace(f, name, of.Fields); err != nil {
		return nil, err
	}
	k.to.Terms, err = artifact.Get[float32](f, name+".vectors")
	return k, err
}
