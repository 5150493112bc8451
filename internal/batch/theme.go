package batch

import (
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/text"
)

// A Theme says which fields of Items tell what an item is about: its name and what is written of it.
type Theme struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// themes are what a job in theme mode knows of the items' words. Memory: the corpus, and one list of texts per
// task.
type themes struct {
	name, about filter.Column
	corpus      *text.Corpus
}

// newThemes reads the texts of all items.
func newThemes(t *Theme, data filter.Data) (*themes, error) {
	m := &themes{}
	for field, column := range map[string]*filter.Column{t.Name: &m.name, t.Text: &m.about} {
		c, ok := data.Column("Items", field)
		if !ok {
			return nil, fault.Newf(fault.Invalid, "themeGenerationConfig: the Items dataset has no field %s any more.", field)
		}
		*column = c
	}
	m.corpus = text.NewCorpus(data.Len(), m.words)
	return m, nil
}

// words returns what is written of an item.
func (m *themes) words(i int) string {
	name, _ := m.name.Text(i)
	about, _ := m.about.Text(i)
	return name + "\n" + about
}

// A theming is a ranking whose lists are named and ordered by what their items have in common.
type theming struct {
	*ranking
	themes *themes
}

// newThemeOracle is newRankOracle for a job in theme mode.
func newThemeOracle(o *Order, b *Bound) (*oracle, error) {
	or, err := newRankOracle(o, b)
	if err != nil {
		return nil, err
	}
	data := b.View.FilterData()
	if n := b.Model.Items().Len(); data.Len() != n {
		return nil, fmt.Errorf("batch: the texts are of %d items and the model of %d", data.Len(), n)
	}
	m, err := newThemes(o.Theme, data)
	if err != nil {
		return nil, err
	}
	serve := or.serve
	or.serve = func(d *desk) asker { return theming{serve(d).(*ranking), m} }
	return or, nil
}

// write appends the list, the most relevant first and ties as they were, with its theme (batch.md §10).
func (t theming) write(out []byte, e *entry, _ func([]byte) ([]byte, error)) ([]byte, error) {
	items := t.answers[e.query].Items
	documents, order := make([]string, len(items)), make([]int, len(items))
	for k, i := range items {
		documents[k], order[k] = t.themes.words(int(i)), k
	}
	theme := t.themes.corpus.Theme(documents)
	for k, x := range theme.Relevance {
		theme.Relevance[k] = math.Round(1e4*x) / 1e4
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := theme.Relevance[a], theme.Relevance[b]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	sorted := make([]int32, len(items))
	for n, k := range order {
		sorted[n] = items[k]
	}
	out = append(out, `{"recommendedItems":`...)
	out = t.appendItems(out, sorted, nil)
	out = append(out, `,"theme":`...)
	out = appendQuoted(out, theme.Label)
	out = append(out, `,"itemsThemeRelevanceScores":`...)
	from := len(out)
	for _, k := range order {
		out = appendScore(append(out, ','), theme.Relevance[k])
	}
	return append(enclose(out, from), '}'), nil
}
