package feature

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/text"
)

// numberBins is into how many equally filled bins numbers fall: near numbers often share one.
const numberBins = 16

// Bins returns the ascending upper ends of the bins of a numeric column's first n records, nil if it has no numbers.
func Bins(c Column, n int) []float64 {
	var all []float64
	for i := range n {
		if v, ok := c.Number(i); ok && !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	var ends []float64
	for b := 1; b <= numberBins; b++ {
		ends = append(ends, all[(len(all)-1)*b/numberBins])
	}
	return slices.Compact(ends)
}

// Bin is the bin that a number falls into, from 0.
func Bin(ends []float64, v float64) int {
	at, _ := slices.BinarySearch(ends, v)
	return at
}

// A Field says how one column is read; a Space's fields are part of its documents.
type Field struct {
	Name string
	Kind Kind
	Ends []float64 `json:",omitempty"` // of a number's bins
}

// Kind is what the values of a field are.
type Kind int

// The kinds.
const (
	Category Kind = iota
	Number
	Text
)

// fieldOf looks at the column of n records. false if it has no values.
func fieldOf(c Column, n int) (Field, bool) {
	f := Field{Name: c.Name(), Ends: Bins(c, n)}
	switch {
	case f.Ends != nil:
		f.Kind = Number
	case c.Categorical():
		f.Kind = Category
	default:
		f.Kind = Text
	}
	for i := range n {
		if s, ok := c.Text(i); ok && s != "" {
			return f, true
		}
	}
	return f, f.Kind == Number
}

// The bounds of what is read of a text.
const (
	mostWords = 1000 // from the beginning
	mostTerms = 48   // of a field that count, the heaviest
)

// The weights of what fields consist of. The whole word says more than its pieces, which find its other forms.
const (
	pairWeight   = 0.5
	pieceWeight  = 0.3
	coarseWeight = 0.7 // of four bins of numbers together, beside the one
)

// terms calls add for each term of a value, several times for what occurs so often, with the weight of its kind.
func (f *Field) terms(s string, v float64, add func(place uint32, weight float64)) {
	switch f.Kind {
	case Number:
		if math.IsNaN(v) {
			return
		}
		b := Bin(f.Ends, v)
		add(place(f.Name, "=", strconv.Itoa(b)), 1)
		add(place(f.Name, "~", strconv.Itoa(b/4)), coarseWeight)
	case Category:
		for part := range strings.SplitSeq(s, "|") {
			if part != "" {
				add(place(f.Name, "=", part), 1)
			}
		}
	case Text:
		words := text.Words(s)
		text.Terms(words[:min(len(words), mostWords)], func(kind text.Kind, hash uint32) {
			weight := 1.0
			switch kind {
			case text.Pair:
				weight = pairWeight
			case text.Piece:
				weight = pieceWeight
			}
			add(mixed(hash^hashed(f.Name, "", "")), weight)
		})
	}
}

// places is how many different terms there can be; more share places, as hashing has it. (Weinberger et al., 2009.)
const places = 1 << 18

func place(name, kind, value string) uint32 { return mixed(hashed(name, kind, value)) }

// mixed is a place that every bit of a hash has a say in.
func mixed(h uint32) uint32 {
	h = (h ^ h>>16) * 0x7feb352d
	h = (h ^ h>>15) * 0x846ca68b
	return (h ^ h>>16) % places
}

// hashed is FNV-1a over texts, each with an end.
func hashed(parts ...string) uint32 {
	h := uint32(2166136261)
	for _, s := range parts {
		for k := range len(s) {
			h = (h ^ uint32(s[k])) * 16777619
		}
		h = (h ^ 0xff) * 16777619
	}
	return h
}
