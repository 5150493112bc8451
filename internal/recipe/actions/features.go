package actions

import (
	"math"

	"github.com/kindredrec/kindred/internal/recipe"
)

// The features of a user and an action at a moment, but for the user's fields, which come behind them
// (attributes.go). All are of the order of one.
const (
	constant = iota
	week     // ln(1+interactions in the last 7 days)/3, and so on
	month
	ever
	idle           // ln(1+days since the last interaction)/3; of a user without any it is that of a year
	tookAny        // ln(1+actions taken before)
	passedAny      // ln(1+actions seen and not taken before)
	tookThis       // ln(1+times this one was taken before)
	passedThis     // ln(1+times this one was seen and not taken before)
	tasteFrom      // the mean vector of the newest interactions, at unit length
	features       = tasteFrom + tasteSize
	tasteEvents    = 50
	secondsPerYear = 365 * day
)

// A state is what is known of a user at a moment, as features; those of single actions are apart.
type state struct {
	all          [features]float64
	took, passed map[int32]int
}

// newState makes the state of a user before a moment. Items and past are oldest first; what is not before the moment
// is not looked at.
func newState(items []int32, times []int64, past []recipe.ActionEvent, moment int64, taste []float32) *state {
	s := &state{took: map[int32]int{}, passed: map[int32]int{}}
	n := len(times)
	for n > 0 && times[n-1] >= moment {
		n--
	}
	s.all[constant] = 1
	since := int64(secondsPerYear)
	if n > 0 {
		since = moment - times[n-1]
	}
	var inWeek, inMonth int
	for k := n - 1; k >= 0 && times[k] >= moment-28*day; k-- {
		inMonth++
		if times[k] >= moment-7*day {
			inWeek++
		}
	}
	s.all[week], s.all[month], s.all[ever] = logs(inWeek)/3, logs(inMonth)/3, logs(n)/3
	s.all[idle] = math.Log1p(float64(since)/day) / 3
	s.addTaste(items[max(0, n-tasteEvents):n], taste)
	var took, passed int
	for _, e := range past {
		if e.Time >= moment {
			break
		}
		if e.Kind == recipe.ActionTaken {
			took++
			s.took[e.Action]++
		} else {
			passed++
			s.passed[e.Action]++
		}
	}
	s.all[tookAny], s.all[passedAny] = logs(took), logs(passed)
	return s
}

func logs(n int) float64 { return math.Log1p(float64(n)) }

func (s *state) addTaste(items []int32, taste []float32) {
	v := s.all[tasteFrom:]
	var squares float64
	for _, i := range items {
		for k, x := range taste[int(i)*tasteSize : (int(i)+1)*tasteSize] {
			v[k] += float64(x)
		}
	}
	for _, x := range v {
		squares += x * x
	}
	if squares > 0 {
		for k := range v {
			v[k] /= math.Sqrt(squares)
		}
	}
}

// of returns the features for one action, with those of the user's fields.
func (s *state) of(action int32, fields row) vector {
	v := vector{s.all, fields}
	v.told[tookThis], v.told[passedThis] = logs(s.took[action]), logs(s.passed[action])
	return v
}

// A vector is all features: the first ones, and sparse ones behind them.
type vector struct {
	told   [features]float64
	fields row
}

// An example is an event with an action: the features before it, and whether the action was taken within the period.
type example struct {
	x      vector
	action int32
	user   int32
	taken  bool
}

// newExamples makes one example of each event.
func newExamples(d *recipe.Data, users *fields, taste []float32, period int64) []example {
	all := d.Actions.Events
	out := make([]example, 0, len(all))
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].User == all[from].User {
			to++
		}
		out = addExamples(out, d, users, all[from:to], taste, period)
		from = to
	}
	return out
}

// addExamples appends those of one user.
func addExamples(out []example, d *recipe.Data, users *fields, past []recipe.ActionEvent, taste []float32, period int64) []example {
	var items []int32
	var times []int64
	var fields row
	if u := int(past[0].User); u < d.Users.Len() {
		items, times = d.History(u)
		fields = users.of(d.Attributes(u))
	}
	for k, e := range past {
		taken := false
		for _, later := range past[k:] {
			if later.Time > e.Time+period {
				break
			}
			taken = taken || later.Action == e.Action && later.Kind == recipe.ActionTaken
		}
		s := newState(items, times, past, e.Time, taste)
		out = append(out, example{s.of(e.Action, fields), e.Action, e.User, taken})
	}
	return out
}
