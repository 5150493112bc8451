package text_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/text"
)

var shoes = []string{
	"Winter boots of leather", "Warm winter boots for snow", "Children's winter boots", "Sandals for the beach", "Beach sandals of cork",
	"Running shoes", "Running shoes for the road", "A tent for two", "A tent for four", "Leather belt", "Cork board", "Road map",
}

func corpus(documents []string) *text.Corpus {
	return text.NewCorpus(len(documents), func(i int) string { return documents[i] })
}

func TestLabels(t *testing.T) {
	c := corpus(shoes)
	for _, x := range []struct {
		documents []string
		want      string
	}{
		{shoes[:3], "Winter boots"},
		{shoes[3:5], "Beach and sandals"},
		{shoes[5:7], "Running shoes"},
		{shoes[7:9], "Tent"},
		{[]string{"the and of 7", ""}, ""},
		{nil, ""},
		{[]string{"words that the corpus never had"}, ""},
	} {
		if got := c.Theme(x.documents).Label; got != x.want {
			t.Errorf("the theme of %q is %q, want %q", x.documents, got, x.want)
		}
	}
}

// A document of the theme is nearer to it than one beside it, and one without a word of it is not near at all.
func TestRelevance(t *testing.T) {
	got := corpus(shoes).Theme([]string{shoes[0], shoes[1], shoes[2], shoes[9], shoes[11], ""}).Relevance
	for k := range 3 {
		if got[k] <= got[3] || got[k] <= got[4] {
			t.Errorf("relevance is %v, want that of the first three above those of belt and map", got)
		}
	}
	if got[5] != 0 {
		t.Errorf("relevance is %v, want 0 for the empty document", got)
	}
}

// Relevance is a share whatever the words, a label is made of words of the documents, and both are the same again.
func TestThemeOfAnything(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		documents := rapid.SliceOfN(rapid.StringMatching(`([a-eé]{1,3}[ ,.7]?){0,12}`), 0, 12).Draw(r, "documents")
		c := corpus(documents)
		n := rapid.IntRange(0, len(documents)).Draw(r, "n")
		a := c.Theme(documents[:n])
		if len(a.Relevance) != n {
			r.Fatalf("%d relevances of %d documents", len(a.Relevance), n)
		}
		for _, x := range a.Relevance {
			if !(x >= 0 && x <= 1) {
				r.Fatalf("relevance %v", a.Relevance)
			}
		}
		for _, w := range text.Words(strings.ReplaceAll(a.Label, " and ", " ")) {
			if !slices.ContainsFunc(documents[:n], func(d string) bool { return slices.Contains(text.Words(d), w) }) {
				r.Fatalf("label %q has %q, which none of %q has", a.Label, w, documents[:n])
			}
		}
		if b := c.Theme(documents[:n]); b.Label != a.Label || !slices.Equal(a.Relevance, b.Relevance) {
			r.Fatalf("the theme is %v and then %v", a, b)
		}
	})
}
