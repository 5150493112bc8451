package recipe_test

import (
	"reflect"
	"strconv"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

var tuned = recipe.Info{Name: "r", Parameters: []recipe.Parameter{
	{Name: "dim", Kind: recipe.Integer, Default: "50", Min: 32, Max: 256, Tunable: true},
	{Name: "mask", Kind: recipe.Boolean, Default: "true", Values: []string{"true", "false"}, Tunable: true},
	{Name: "share", Kind: recipe.Continuous, Default: "0.5", Max: 1, Tunable: true},
	{Name: "high", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.99", Max: 1},
}}

func TestTunable(t *testing.T) {
	all, err := recipe.Tunable(tuned, nil)
	if err != nil || len(all) != 3 {
		t.Errorf("Tunable without ranges = %v, %v, want the three tunable parameters", all, err)
	}
	some, err := recipe.Tunable(tuned, []recipe.Range{{Name: "dim", Kind: recipe.Integer, Min: 40, Max: 41}})
	if err != nil || len(some) != 1 || some[0].Min != 40 || some[0].Max != 41 || some[0].Default != "50" {
		t.Errorf("Tunable = %+v, %v", some, err)
	}
	for _, c := range []struct {
		ranges []recipe.Range
		want   string
	}{
		{[]recipe.Range{{Name: "high", Kind: recipe.Continuous}}, `Recipe r cannot tune "high"; it can tune dim, mask, share.`},
		{[]recipe.Range{{Name: "dim", Kind: recipe.Integer, Min: 50, Max: 49}}, `The range of parameter dim is empty: minValue 50 is above maxValue 49.`},
		{[]recipe.Range{{Name: "dim", Kind: recipe.Integer, Min: 31, Max: 49}}, `The range of parameter dim is 31 to 49; expected one within 32 to 256.`},
		{[]recipe.Range{{Name: "dim", Kind: recipe.Continuous, Min: 40, Max: 49}}, `Parameter dim stands among the continuous ranges; it belongs to the integer ones.`},
		{[]recipe.Range{{Name: "mask", Kind: recipe.Categorical}}, `The range of parameter mask has no values.`},
		{[]recipe.Range{{Name: "mask", Kind: recipe.Categorical, Values: []string{"yes"}}}, `Parameter mask is "yes"; expected one of true, false.`},
		{[]recipe.Range{{Name: "share", Kind: recipe.Continuous}, {Name: "share", Kind: recipe.Continuous}}, `Parameter share has two ranges.`},
	} {
		_, err := recipe.Tunable(tuned, c.ranges)
		if !fault.Is(err, fault.Invalid) || fault.Sentence(err) != c.want {
			t.Errorf("Tunable(%v) = %v, want %s", c.ranges, err, c.want)
		}
	}
	if _, err := recipe.Tunable(recipe.Info{Name: "p"}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("Tunable of a recipe without parameters = %v, want an Invalid", err)
	}
}

func TestTrials(t *testing.T) {
	base := map[string]string{"dim": "50", "mask": "true", "share": "0.5", "high": "0.9"}
	over, err := recipe.Tunable(tuned, nil)
	if err != nil {
		t.Fatal(err)
	}
	trials := recipe.Trials(base, over, 7, 11)
	if len(trials) != 11 || !reflect.DeepEqual(trials[0], base) {
		t.Fatalf("%d trials, the first %v; want 11, the first as it was", len(trials), trials[0])
	}
	tenths := map[int]int{}
	for _, one := range trials {
		for _, p := range over {
			if err := p.Check(one[p.Name]); err != nil {
				t.Error(err)
			}
		}
		if one["high"] != "0.9" {
			t.Errorf("high is %s, which is not searched", one["high"])
		}
	}
	for _, one := range trials[1:] {
		x, err := strconv.ParseFloat(one["share"], 64)
		if err != nil {
			t.Fatal(err)
		}
		tenths[min(9, int(x*10))]++
	}
	// A value on a border may have been rounded into the next tenth.
	if len(tenths) < 9 {
		t.Errorf("ten draws of share hit %d tenths of its range, want every one", len(tenths))
	}
	if !reflect.DeepEqual(trials, recipe.Trials(base, over, 7, 11)) || reflect.DeepEqual(trials, recipe.Trials(base, over, 8, 11)) {
		t.Error("the same seed must give the same trials, another seed others")
	}

	narrow, err := recipe.Tunable(tuned, []recipe.Range{
		{Name: "dim", Kind: recipe.Integer, Min: 60, Max: 60}, {Name: "mask", Kind: recipe.Categorical, Values: []string{"false"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	one := recipe.Trials(base, narrow, 7, 40)
	want := map[string]string{"dim": "60", "mask": "false", "share": "0.5", "high": "0.9"}
	if len(one) != 1 || !reflect.DeepEqual(one[0], want) {
		t.Errorf("Trials of a single point = %v, want %v", one, want)
	}
}
