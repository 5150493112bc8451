package builtin

import (
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

func TestCatalogue(t *testing.T) {
	all := Catalogue()
	if len(all) != 25 {
		t.Errorf("%d recipes, want 10 of domains and 15 others", len(all))
	}
	domains, retired := map[string]int{}, 0
	for k, e := range all {
		domains[e.Domain]++
		if e.Retired {
			retired++
		}
		if k > 0 && all[k-1].Name >= e.Name {
			t.Errorf("%s comes after %s", e.Name, all[k-1].Name)
		}
		if e.Type == "" || e.Algorithm == "" || e.Feature == "" || e.Description == "" || e.Created.IsZero() || !e.Created.Before(Updated) && e.Name != "aws-semantic-similarity" {
			t.Errorf("%s is incomplete: %+v", e.Name, e)
		}
		_, ranks := Find(e.Name)
		_, segments := e.Trainer.(recipe.Segmenter)
		if e.Domain != "" {
			_, ranks = e.Trainer.(recipe.Recipe)
		}
		_, advises := e.Trainer.(recipe.Advisor)
		if ok := ranks || segments || advises; ok != (e.Trainer != nil) || advises != (e.Type == recipe.PersonalizedActions) || segments != (e.Type == recipe.UserSegmentation) {
			t.Errorf("%s, %s: Trainer is %T, Find says %v", e.Name, e.Type, e.Trainer, ranks)
		}
	}
	if domains[Ecommerce] != 5 || domains[VideoOnDemand] != 5 {
		t.Errorf("recipes by domain: %v, want 5 of each", domains)
	}
	if retired != 3 {
		t.Errorf("%d recipes are retired, want the three of HRNN", retired)
	}
	if e, ok := Lookup("aws-trending-now"); !ok || e.Algorithm != "aws-trending-now-custom" {
		t.Errorf("Lookup(aws-trending-now) = %+v, %v", e, ok)
	}
	if _, ok := Lookup("aws-nothing"); ok {
		t.Error("Lookup finds a recipe that is not there")
	}
}

// Every default is a value that its parameter takes.
func TestDefaultsAreInRange(t *testing.T) {
	for _, r := range trainers() {
		i := r.Info()
		got, err := recipe.Resolve(i, nil, nil)
		if err != nil || len(got) != len(i.Parameters) {
			t.Errorf("%s: Resolve = %v, %v", i.Name, got, err)
		}
		for _, p := range i.Parameters {
			if err := p.Check(p.Default); err != nil {
				t.Errorf("%s: %v", i.Name, err)
			}
		}
	}
}

func TestAllAscends(t *testing.T) {
	var names []string
	for _, r := range All() {
		names = append(names, r.Info().Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("All is in order %v", names)
	}
	names = nil
	for _, r := range Segmenters() {
		names = append(names, r.Info().Name)
	}
	if !slices.IsSorted(names) {
		t.Errorf("Segmenters is in order %v", names)
	}
}
