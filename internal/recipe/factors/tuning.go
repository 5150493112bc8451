package factors

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// What counts most in implicit least squares is how much unobserved pairs weigh and by how much vectors are held back, and
// what is right differs between data by factors. (Rendle, Krichene, Zhang and Koren, Revisiting the performance of iALS,
// 2022.) So a training looks for it, on what calibration holds back.

// A tuning is the two settings, in units in which what is right for one data set is not far from right for others.
type tuning struct {
	Share   float64 // weight of the unobserved pairs of a user, in times the observed ones of an average user
	Penalty float64 // weight of an average user's vector, in times the observed ones
}

// start is where the search begins, and what is taken where there is nothing to search by.
var start = tuning{Share: 16, Penalty: 0.08}

// The bounds of the search.
const (
	firstSweeps     = 3       // at the start
	mostMoves       = 3       // in one direction
	leastUnobserved = 0.3     // of Share
	mostUnobserved  = 300     // likewise
	mostPairs       = 2 << 20 // distinct interactions that are searched with, of users evenly by place; the others count later
	mostTuned       = 200_000 // items; the search has three copies of their vectors
)

// The search goes along one setting after the other, in steps of a factor that is tried both ways. What another weight of
// the unobserved pairs brings shows later than what another penalty does.
var legs = []leg{{penalty: 1.6, sweeps: 1}, {share: 3, sweeps: 2}, {penalty: 1.25, sweeps: 1}}

// mostTries is how many tunings the search compares, at most.
var mostTries = len(legs) * (1 + 2*mostMoves)

// A leg is a part of the way: by what one of the settings is multiplied or divided, and the sweeps that this is judged after.
type leg struct {
	share, penalty float64
	sweeps         int
}

// move returns t a step further, on or back.
func (l leg) move(t tuning, back bool) tuning {
	step := func(x, by float64) float64 {
		switch {
		case by == 0:
			return x
		case back:
			return x / by
		}
		return x * by
	}
	return tuning{min(mostUnobserved, max(leastUnobserved, step(t.Share, l.share))), step(t.Penalty, l.penalty)}
}

// density is the share of pairs that are observed, smoothed by one.
func density(m *als.Sparse) float64 {
	return float64(len(m.Col)+1) / float64(m.Rows+1) / float64(m.Cols+1)
}

// tune sets what t stands for in a matrix of a density.
func (s *settings) tune(t tuning, density float64) {
	s.Unobserved = t.Share * density
	s.Regularization = t.Penalty / (1 + t.Share)
}

// A search looks for the tuning under which what cases hold back ranks best.
type search struct {
	order   recipe.Training
	m       *als.Sparse
	cases   []trial
	density float64
	tries   int
	now     attempt // the best so far
}

// An attempt is a tuning with what was learned under it.
type attempt struct {
	tuning   tuning
	settings settings
	factors  *als.Factors
	gains    []float64 // by case
}

// look sets at.Settings to the tuning that is best for what cases hold back of the histories, and f's columns to vectors to
// go on from. It takes up to twice as long as the training itself, less for more than mostPairs interactions. Memory: the
// vectors of users that are looked at and of items, three times, and two copies of their distinct interactions.
func look(ctx context.Context, at *stage, hs []history, held heldBack, f *als.Factors, density float64, choices []encoder) error {
	cases := held.trials(hs)
	items := at.t.Data.Items.Len()
	if len(cases) < leastHeld || items > mostTuned {
		return nil
	}
	s := &search{order: at.t, m: matrix(held.sample(held.inputs(hs), mostPairs), items), cases: cases, density: density}
	if err := s.begin(ctx, at.Settings, choices); err != nil {
		return err
	}
	for _, l := range legs {
		if err := s.climb(ctx, l); err != nil {
			return err
		}
	}
	at.t.Log.Debug("factors", "unobserved", s.now.tuning.Share, "penalty", s.now.tuning.Penalty, "tries", s.tries)
	at.Settings.tune(s.now.tuning, density)
	copy(f.Cols, s.now.factors.Cols)
	return nil
}

// begin learns with the start's tuning, and chooses the encoder to search with.
func (s *search) begin(ctx context.Context, first settings, choices []encoder) (err error) {
	c := s.config(first, firstSweeps)
	s.now = attempt{tuning: start, settings: first, factors: als.Start(s.m, c)}
	if err := als.Fit(ctx, s.m, c, s.now.factors); err != nil {
		return err
	}
	s.now.settings.Encoder, err = bestEncoder(ctx, s.cases, s.now.factors.Cols, s.m.Cols, first, choices, s.order.Threads)
	return err
}

func (s *search) config(of settings, sweeps int) als.Config {
	c := of.als()
	c.Sweeps, c.Steps, c.Seed, c.Threads = sweeps, steps, s.order.Seed, s.order.Threads
	return c
}

// climb goes along one setting for as long as that makes what is held back rank better. All that is compared has had as many
// sweeps since the same factors: what more sweeps bring is not to be taken for what a setting brings.
func (s *search) climb(ctx context.Context, l leg) error {
	ways := []bool{false, true}
	for move := 0; move < mostMoves && len(ways) > 0; move++ {
		stay, err := s.try(ctx, s.now.tuning, l.sweeps)
		if err != nil {
			return err
		}
		best, from := stay, s.now.tuning
		var on []bool
		for _, back := range ways {
			further, err := s.try(ctx, l.move(from, back), l.sweeps)
			if err != nil {
				return err
			}
			if better(further.gains, stay.gains) && total(further.gains) > total(best.gains) {
				best, on = further, []bool{back}
			}
		}
		s.now, ways = best, on
	}
	return nil
}

// try has the factors so far learn some sweeps more with a tuning.
func (s *search) try(ctx context.Context, t tuning, sweeps int) (a attempt, err error) {
	a = attempt{tuning: t, settings: s.now.settings}
	a.settings.tune(t, s.density)
	a.factors = &als.Factors{Rows: slices.Clone(s.now.factors.Rows), Cols: slices.Clone(s.now.factors.Cols)}
	if err := als.Fit(ctx, s.m, s.config(a.settings, sweeps), a.factors); err != nil {
		return a, err
	}
	a.gains, err = gainsOf(ctx, s.cases, a.factors.Cols, s.m.Cols, a.settings, s.order.Threads)
	s.tries++
	s.order.Log.Debug("factors go on", "share", t.Share, "penalty", t.Penalty, "gain", total(a.gains)/float64(len(a.gains)))
	if s.order.Progress != nil {
		s.order.Progress("settings", s.tries, mostTries)
	}
	return a, err
}

// better reports whether a is more than b by more than one deviation of their difference: small data have no say.
func better(a, b []float64) bool {
	var sum, squares float64
	for k := range a {
		d := a[k] - b[k]
		sum += d
		squares += d * d
	}
	return sum > math.Sqrt(squares)
}

func total(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}
