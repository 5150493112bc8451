package batch

import (
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

func TestParseInfluence(t *testing.T) {
	for _, c := range []struct {
		config map[string]float64
		want   *recipe.Influence
		reason string
	}{
		{nil, nil, ""},
		{map[string]float64{}, nil, ""},
		{map[string]float64{"POPULARITY": 0.5}, &recipe.Influence{Popularity: 0.5}, ""},
		{map[string]float64{"FRESHNESS": 1, "POPULARITY": 0}, &recipe.Influence{Freshness: 1}, ""},
		{map[string]float64{"PRICE": 0.5}, nil, `no setting "PRICE"`},
		{map[string]float64{"FRESHNESS": 1.5}, nil, "FRESHNESS is 1.5"},
		{map[string]float64{"POPULARITY": -0.1}, nil, "POPULARITY is -0.1"},
	} {
		got, err := ParseInfluence(c.config)
		if c.reason != "" {
			if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Sentence(err), c.reason) {
				t.Errorf("ParseInfluence(%v) = %v, %v, want fault.Invalid with %q", c.config, got, err, c.reason)
			}
			continue
		}
		if err != nil || (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("ParseInfluence(%v) = %+v, %v, want %+v", c.config, got, err, c.want)
		}
	}
}
