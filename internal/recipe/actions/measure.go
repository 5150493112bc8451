package actions

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/recipe"
)

// defaultResults is how many actions a request gets that does not say: what counts as recommended.
const defaultResults = 5

// A test is one user held out: the question at the moment of the first event that is not told, and what came then.
type test struct {
	query recipe.ActionQuery
	came  []recipe.ActionEvent
}

// Measure holds out a tenth of the users who had to do with actions. Of each, the newest tenth of these events, at
// least one of two, is what a model of the others is to foretell. (training.md §9 and §10.)
//
//   - coverage and normalized_discounted_cumulative_gain: of the actions that were taken, as for items.
//   - precision, recall: for each action, how many of those it was among the first 5 for took it, and of those who took
//     it how many had it there; then the mean over actions.
//   - area_under_curve: how often an event that led to its action being taken has a higher score than one that did not.
func (r Recipe) Measure(ctx context.Context, t recipe.Training, trial recipe.Trial) (metrics map[string]float64, err error) {
	days, err := strconv.Atoi(t.Params[period])
	if err != nil {
		return nil, fmt.Errorf("parameter %s: %w", period, err)
	}
	if err := check(t.Data.Actions); err != nil {
		return nil, err
	}
	data, tests := holdout(t.Data, t.Split)
	actions := t.Data.Actions.Names.Len()
	t.Data = data
	err = trial(ctx, t, func(f *artifact.File) error {
		m, err := r.OpenActions(f)
		if err == nil {
			metrics, err = evaluate(ctx, m, tests, actions, int64(days)*day)
		}
		return err
	})
	return metrics, err
}

// holdout returns the data without the test users, and the tests.
func holdout(d *recipe.Data, seed uint64) (*recipe.Data, []test) {
	var users [][]recipe.ActionEvent
	for _, e := range d.Actions.Events {
		if n := len(users); n == 0 || users[n-1][0].User != e.User {
			users = append(users, nil)
		}
		users[len(users)-1] = append(users[len(users)-1], e)
	}
	out, last := map[int32]bool{}, int32(-1)
	for _, of := range users {
		if len(of) > 1 {
			last = of[0].User
			out[last] = recipe.Mix(seed, uint64(last))%10 == 0
		}
	}
	if last >= 0 && !slices.ContainsFunc(users, func(of []recipe.ActionEvent) bool { return out[of[0].User] }) {
		out[last] = true
	}
	train := d.Subset(func(u int) bool { return !out[int32(u)] })
	number := make([]int32, d.Users.Len()) // of those that stay
	kept := int32(0)
	for u := range number {
		if number[u] = kept; !out[int32(u)] {
			kept++
		}
	}
	actions := *d.Actions
	actions.Events = nil
	train.Actions = &actions
	var tests []test
	for _, of := range users {
		u := of[0].User
		if out[u] {
			tests = append(tests, newTest(d, of))
			continue
		}
		if n := int32(len(number)); u < n {
			u = number[u]
		} else {
			u -= n - kept // the order stays, and they stay behind the others
		}
		for _, e := range of {
			e.User = u
			actions.Events = append(actions.Events, e)
		}
	}
	return train, tests
}

func newTest(d *recipe.Data, of []recipe.ActionEvent) test {
	cut := min(len(of)-1, max(1, int(math.Round(0.9*float64(len(of))))))
	t := test{recipe.ActionQuery{Past: of[:cut], Moment: of[cut].Time, Count: math.MaxInt32}, of[cut:]}
	if u := int(of[0].User); u < d.Users.Len() {
		t.query.Items, t.query.Times = d.History(u)
		t.query.User = d.Attributes(u)
	}
	return t
}

func evaluate(ctx context.Context, m recipe.ActionModel, tests []test, actions int, period int64) (map[string]float64, error) {
	results := make([]eval.Result, len(tests))
	listed, hit, took := make([]int, actions), make([]int, actions), make([]int, actions)
	var pairs []judged
	answers := make([]recipe.Answer, 1)
	for k, t := range tests {
		if err := m.Advise(ctx, []recipe.ActionQuery{t.query}, answers); err != nil {
			return nil, err
		}
		list, score := slices.Clone(answers[0].Items), map[int32]float64{}
		for n, a := range list {
			score[a] = answers[0].Scores[n]
		}
		var truth []int32
		for n, e := range t.came {
			pairs = append(pairs, judged{score[e.Action], takenWithin(t.came[n:], period)})
			if e.Kind == recipe.ActionTaken {
				truth = append(truth, e.Action)
			}
		}
		slices.Sort(truth)
		truth = slices.Compact(truth)
		for _, a := range truth {
			took[a]++
		}
		for _, a := range list[:min(defaultResults, len(list))] {
			listed[a]++
			if _, is := slices.BinarySearch(truth, a); is {
				hit[a]++
			}
		}
		results[k] = eval.Result{Listed: list, Truth: truth}
	}
	metrics := map[string]float64{"precision": mean(hit, listed), "recall": mean(hit, took), "area_under_curve": areaUnderCurve(pairs)}
	for name, v := range eval.Metrics(results, actions) {
		if name == "coverage" || strings.HasPrefix(name, "normalized") {
			metrics[name] = v
		}
	}
	return eval.Round(metrics), nil
}

// takenWithin reports whether the action of the first event is taken at it or within a time after it.
func takenWithin(came []recipe.ActionEvent, period int64) bool {
	return slices.ContainsFunc(came, func(e recipe.ActionEvent) bool {
		return e.Action == came[0].Action && e.Kind == recipe.ActionTaken && e.Time <= came[0].Time+period
	})
}

// mean is that of hits by counts, over what was counted at all.
func mean(hits, counts []int) float64 {
	var sum, n float64
	for k, c := range counts {
		if c > 0 {
			sum += float64(hits[k]) / float64(c)
			n++
		}
	}
	return sum / math.Max(1, n)
}

// A judged is a score and what became of it.
type judged struct {
	score float64
	taken bool
}

// areaUnderCurve is the share of pairs of one taken and one not in which the taken one has the higher score; equal
// scores count half. It is 0 if there are no such pairs. (Mann and Whitney, 1947.)
func areaUnderCurve(all []judged) float64 {
	slices.SortFunc(all, func(a, b judged) int { return cmp.Compare(a.score, b.score) })
	var won, yes, no float64
	for from := 0; from < len(all); {
		to, here := from, 0.0
		for ; to < len(all) && all[to].score == all[from].score; to++ {
			if all[to].taken {
				here++
			}
		}
		rest := float64(to-from) - here
		won += here * (no + rest/2)
		yes, no = yes+here, no+rest
		from = to
	}
	if yes == 0 || no == 0 {
		return 0
	}
	return won / yes / no
}
