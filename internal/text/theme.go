package text

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Corpus knows how many documents have a word. It takes about 60 bytes for each different word.
type Corpus struct {
	documents int
	having    map[string]int32
}

// NewCorpus counts the words of n documents.
func NewCorpus(n int, at func(i int) string) *Corpus {
	c := &Corpus{documents: n, having: map[string]int32{}}
	for i := range n {
		for w := range distinct(Words(at(i))) {
			c.having[w]++
		}
	}
	return c
}

func distinct(words []string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

// weight is how much a word says: ln((1+documents)/documents that have it), and nothing for what is no word of a
// label: numbers and single letters, and what more than half of a corpus of some size has.
func (c *Corpus) weight(w string) float64 {
	have := float64(c.having[w])
	if have == 0 || utf8.RuneCountInString(w) < 2 || strings.IndexFunc(w, unicode.IsLetter) < 0 || functional[w] {
		return 0
	}
	if c.documents >= 20 && have > float64(c.documents)/2 {
		return 0
	}
	return math.Log((1 + float64(c.documents)) / have)
}

// functional are English words that name nothing. In other languages the share of the documents that have a word
// has to tell.
var functional = distinct(strings.Fields(`a about after all also an and any are as at be been but by can did do does for from had has have he her
	his how if in into is it its just like more most new no not of off on one only or other our out over own she so some such than that the their them
	then there these they this to up was we were what when where which who why will with you your`))

// A Theme is what some documents have in common.
type Theme struct {
	Label     string    // a few of their words, "" if they have none
	Relevance []float64 // by document, 0 to 1: how near it is to the theme
}

// Theme names what documents, which need not be of the corpus, have in common.
//
// The label is the pair of neighbouring words or the word that the most of them have, weighed by how rare it is in
// the corpus, and after "and" the next best word that is not in it; what one document alone has counts only if
// nothing is common. Relevance is the cosine between a document and
// the mean of all, both as the weights of their words.
func (c *Corpus) Theme(documents []string) Theme {
	words := make([][]string, len(documents))
	for k, d := range documents {
		words[k] = Words(d)
	}
	return Theme{c.label(words), c.relevance(words)}
}

// mostLabel bounds a label's length in bytes.
const mostLabel = 100

func (c *Corpus) label(documents [][]string) string {
	score, having := map[string]float64{}, map[string]int{}
	for _, words := range documents {
		seen := map[string]bool{}
		for k, w := range words {
			if s := c.weight(w); s > 0 && !seen[w] {
				seen[w] = true
				having[w]++
				score[w] += s
			}
			if k == 0 || c.weight(words[k-1]) == 0 || c.weight(w) == 0 || words[k-1] == w {
				continue
			}
			// A pair is less frequent than its words: half of both keeps one that always goes together ahead.
			if p := words[k-1] + " " + w; !seen[p] {
				seen[p] = true
				having[p]++
				score[p] += 0.55 * (c.weight(words[k-1]) + c.weight(w))
			}
		}
	}
	dropSingle(score, having)
	top := best(score, "")
	label := top
	if next := best(score, top); next != "" && top != "" {
		label += " and " + next
	}
	if len(label) > mostLabel {
		label = strings.ToValidUTF8(label[:mostLabel], "") // not inside a character
	}
	first, size := utf8.DecodeRuneInString(label)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + label[size:]
}

// dropSingle takes out what one document alone has, if several have something in common.
func dropSingle(score map[string]float64, having map[string]int) {
	common := false
	for _, n := range having {
		common = common || n > 1
	}
	for t, n := range having {
		if common && n == 1 {
			delete(score, t)
		}
	}
}

// best returns the term of the highest score, ties by alphabet. With a first one given, it is a single word beside it
// that has at least a third of its score.
func best(score map[string]float64, first string) (term string) {
	least := 0.0
	if first != "" {
		least = score[first] / 3
	}
	used := distinct(Words(first))
	for t, s := range score {
		if used[t] || first != "" && strings.Contains(t, " ") || s < least {
			continue
		}
		if term == "" || s > score[term] || s == score[term] && t < term {
			term = t
		}
	}
	return term
}

func (c *Corpus) relevance(documents [][]string) []float64 {
	vectors := make([]map[string]float64, len(documents))
	mean := map[string]float64{}
	for k, words := range documents {
		vectors[k] = c.vector(words)
		for w, x := range vectors[k] {
			mean[w] += x
		}
	}
	length := norm(mean)
	out := make([]float64, len(documents))
	for k, v := range vectors {
		for _, w := range sorted(v) {
			out[k] += v[w] * mean[w]
		}
		if length > 0 {
			out[k] = min(1, out[k]/length)
		}
	}
	return out
}

// vector is a document's weights at unit length.
func (c *Corpus) vector(words []string) map[string]float64 {
	v := map[string]float64{}
	for _, w := range words {
		v[w]++
	}
	for w, n := range v {
		if v[w] = (1 + math.Log(n)) * c.weight(w); v[w] == 0 {
			delete(v, w)
		}
	}
	length := norm(v)
	for w := range v {
		v[w] /= length
	}
	return v
}

// norm adds in a fixed order, as everything must whose result is written.
func norm(v map[string]float64) (length float64) {
	for _, w := range sorted(v) {
		length += v[w] * v[w]
	}
	return math.Sqrt(length)
}

func sorted(v map[string]float64) []string {
	words := make([]string, 0, len(v))
	for w := range v {
		words = append(words, w)
	}
	slices.SortFunc(words, cmp.Compare)
	return words
}
