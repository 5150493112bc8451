package actions_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/actions"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// A numeric column has a number for each record.
type numeric []float64

func (numeric) Name() string                   { return "AGE" }
func (numeric) Categorical() bool              { return false }
func (c numeric) Text(i int) (string, bool)    { return fmt.Sprint(c[i]), true }
func (c numeric) Number(i int) (float64, bool) { return c[i], true }

// clients is data of users whose segment and age decide which of four types of actions they take, and of as many actions of
// each type, some of which are seen rarely.
func clients(users, each int) *recipe.Data {
	const types = 4
	rng := rand.New(rand.NewPCG(5, 6))
	var events []recipetest.Event
	segment, age := recipetest.Category{Field: "SEGMENT"}, numeric{}
	for u := range users {
		for k := range 3 {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%05d", u), Item: fmt.Sprintf("i%d", rng.IntN(50)), Time: int64(1e9 + 86400*k)})
		}
		segment.Values = append(segment.Values, [...]string{"gold", "silver", ""}[rng.IntN(3)])
		age = append(age, float64(18+rng.IntN(60)))
	}
	d := recipetest.Build(events)
	d.UserColumns = []recipe.Column{segment, age}
	n := types * each
	kind := recipetest.Category{Field: "TYPE"}
	for i := range n {
		kind.Values = append(kind.Values, fmt.Sprint("type", i%types))
	}
	a := &recipe.Actions{Names: recipetest.List(n), Value: make([]float64, n), Expires: make([]int64, n), Repeat: make([]int64, n), Columns: []recipe.Column{kind}}
	for u := range users {
		for k := range 4 {
			i := int(float64(n) * rng.Float64() * rng.Float64())
			chance := 0.1
			switch i % types {
			case 0:
				chance += 0.4 * map[string]float64{"gold": 1}[segment.Values[u]]
			case 1:
				chance += 0.4 * map[string]float64{"silver": 1}[segment.Values[u]]
			case 2:
				chance += 0.4 * max(0, 1-math.Abs(age[u]-40)/15)
			}
			e := recipe.ActionEvent{User: int32(u), Action: int32(i), Time: int64(1e9 + 86400*(4+k)), Kind: recipe.ActionNotTaken}
			if rng.Float64() < chance {
				e.Kind = recipe.ActionTaken
			}
			a.Events = append(a.Events, e)
		}
	}
	d.Actions = a
	return d
}

// What fields of users and actions say is learned: held-out events are told better with those of users, and those of actions do no harm.
func TestFieldsTell(t *testing.T) {
	auc := func(users, kinds bool) float64 {
		d := clients(1500, 5)
		if !users {
			d.UserColumns = nil
		}
		if !kinds {
			d.Actions.Columns = nil
		}
		o, trial := training(t, d)
		m, err := actions.Recipe{}.Measure(t.Context(), o, trial)
		if err != nil {
			t.Fatal(err)
		}
		return m["area_under_curve"]
	}
	none, users, both := auc(false, false), auc(true, false), auc(true, true)
	t.Logf("area under the curve: %.3f without fields, %.3f with those of users, %.3f with those of actions as well", none, users, both)
	if users < none+0.05 || both < users-0.01 {
		t.Errorf("area under the curve: %.3f without fields, %.3f with those of users, %.3f with those of actions as well; want it to rise", none, users, both)
	}
}
