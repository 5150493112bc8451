package feature

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A column of a test: numbers where numeric, else texts, "" for null.
type column struct {
	name        string
	categorical bool
	texts       []string
	numbers     []float64
}

func (c column) Name() string      { return c.name }
func (c column) Categorical() bool { return c.categorical }
func (c column) Text(i int) (string, bool) {
	if c.numbers != nil {
		return "", false
	}
	return c.texts[i], c.texts[i] != ""
}
func (c column) Number(i int) (float64, bool) {
	if c.numbers == nil || math.IsNaN(c.numbers[i]) {
		return 0, false
	}
	return c.numbers[i], true
}

// record is one row of columns.
type record struct {
	columns []column
	row     int
}

func (r record) Attribute(field string) (string, float64, bool) {
	for _, c := range r.columns {
		if c.name == field {
			if v, ok := c.Number(r.row); ok {
				return "", v, true
			}
			s, ok := c.Text(r.row)
			return s, 0, ok
		}
	}
	return "", 0, false
}

func shop(n int, seed uint64) []column {
	r := rand.New(rand.NewPCG(seed, 1))
	genres, price, text := make([]string, n), make([]float64, n), make([]string, n)
	for i := range n {
		genres[i] = []string{"drama", "drama|war", "comedy", "", "war"}[r.IntN(5)]
		price[i] = float64(r.IntN(1000))
		if r.IntN(10) == 0 {
			price[i] = math.NaN()
		}
		for range r.IntN(8) {
			text[i] += []string{"house ", "houses ", "garden ", "moon ", "Moon! "}[r.IntN(5)]
		}
	}
	return []column{{name: "GENRES", categorical: true, texts: genres}, {name: "PRICE", numbers: price}, {name: "ABOUT", texts: text}}
}

// A record read alone has the row it had among all, every field that is not null has a square sum of 1, and terms ascend.
func TestRowsAreRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 60).Draw(t, "n")
		columns := shop(n, rapid.Uint64().Draw(t, "seed"))
		s, table := Learn(columns, n)
		if s == nil {
			return
		}
		if table.Len() != n || table.Terms != len(s.Places) || !slices.IsSorted(s.Places) {
			t.Fatalf("%d rows of %d terms, want %d and %d ascending", table.Len(), table.Terms, n, len(s.Places))
		}
		for i := range n {
			terms, values := table.Row(i)
			gotTerms, gotValues := s.Row(record{columns, i})
			if !slices.Equal(terms, gotTerms) || !slices.Equal(values, gotValues) {
				t.Fatalf("record %d is %v %v alone, %v %v among all", i, gotTerms, gotValues, terms, values)
			}
			for k := 1; k < len(terms); k++ {
				if terms[k] <= terms[k-1] {
					t.Fatalf("record %d has the terms %v, want ascending", i, terms)
				}
			}
		}
	})
}

func TestFieldsWeighAlike(t *testing.T) {
	n := 40
	columns := shop(n, 3)
	for _, c := range columns {
		_, table := Learn([]column{c}, n)
		for i := range n {
			var squares float64
			_, values := table.Row(i)
			for _, v := range values {
				squares += float64(v) * float64(v)
			}
			if len(values) > 0 && math.Abs(squares-1) > 1e-5 {
				t.Errorf("%s of record %d has a square sum of %v, want 1", c.name, i, squares)
			}
		}
	}
}

// Other forms of a word are nearer than other words.
func TestPiecesOfWords(t *testing.T) {
	texts := []string{"gardening", "gardener", "mountains", "mountain", "gardens", "mountainous"}
	_, table := Learn([]column{{name: "T", texts: texts}}, len(texts))
	like := func(a, b int) (sum float64) {
		at, av := table.Row(a)
		bt, bv := table.Row(b)
		for k, x := range at {
			if j := slices.Index(bt, x); j >= 0 {
				sum += float64(av[k] * bv[j])
			}
		}
		return sum
	}
	if same, other := like(0, 1), like(0, 2); same <= other || same == 0 {
		t.Errorf("%s is like %s by %v, like %s by %v", texts[0], texts[1], same, texts[2], other)
	}
}

// planted is records with targets that are a linear map of their rows, and how much noise.
func planted(n, dim int, noise float64) (*Table, Targets) {
	_, table := Learn(shop(n, 9), n)
	r := rand.New(rand.NewPCG(7, 7))
	truth := make([]float32, table.Terms*dim)
	for k := range truth {
		truth[k] = float32(r.NormFloat64())
	}
	t := Targets{Vectors: make([]float32, n*dim), Dim: dim, Stride: dim}
	for i := range n {
		t.Records = append(t.Records, int32(i))
		m := Map{Mean: make([]float32, dim), Terms: truth}
		terms, values := table.Row(i)
		m.Add(1, terms, values, t.Vectors[i*dim:])
		for k := range dim {
			t.Vectors[i*dim+k] += float32(noise * r.NormFloat64())
		}
	}
	return table, t
}

// The map solves the ridge's equations: the gradient of what it makes least is zero.
func TestFitIsTheLeast(t *testing.T) {
	const dim, penalty = 19, 4.0
	table, targets := planted(200, dim, 0.5)
	m, err := table.Fit(t.Context(), targets, penalty, 1)
	if err != nil {
		t.Fatal(err)
	}
	slope, size := make([]float64, len(m.Terms)), make([]float64, len(m.Terms))
	x := make([]float32, dim)
	for _, r := range targets.Records {
		terms, values := table.Row(int(r))
		clear(x)
		m.Add(1, terms, values, x)
		for k, term := range terms {
			for d := range dim {
				slope[int(term)*dim+d] += float64(values[k]) * float64(x[d]-targets.of(r)[d])
				size[int(term)*dim+d] += float64(values[k]) * math.Abs(float64(targets.of(r)[d]-m.Mean[d]))
			}
		}
	}
	for at, w := range m.Terms {
		if g := slope[at] + penalty*float64(w); math.Abs(g) > 1e-2*(size[at]+1) {
			t.Fatalf("term %d, dimension %d: the gradient is %v where sums are of %v", at/dim, at%dim, g, size[at])
		}
	}
	other, err := table.Fit(t.Context(), targets, penalty, 3)
	if err != nil || !slices.Equal(m.Terms, other.Terms) {
		t.Errorf("with 3 threads the map is another, or %v", err)
	}
}

// Choose finds out whether there is anything to tell, and takes the greater penalty where there is more noise.
func TestChoose(t *testing.T) {
	ctx := context.Background()
	table, targets := planted(300, 8, 0.1)
	clear1, share, err := table.Choose(ctx, targets, 2)
	if err != nil || share < 0.8 {
		t.Errorf("of targets that rows tell, %v are explained (%v), want nearly all", share, err)
	}
	table, targets = planted(300, 8, 3)
	noisy, share, err := table.Choose(ctx, targets, 2)
	if err != nil || share <= 0 || share > 0.8 || noisy <= clear1 {
		t.Errorf("with noise %v are explained with penalty %v (%v), without it takes %v; want more and fewer", share, noisy, err, clear1)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for k := range targets.Vectors {
		targets.Vectors[k] = float32(r.NormFloat64())
	}
	if _, share, err := table.Choose(ctx, targets, 2); err != nil || share > 0.02 {
		t.Errorf("of chance %v are explained (%v), want nothing", share, err)
	}
}

func TestNothingInCommon(t *testing.T) {
	for _, texts := range [][]string{{"a", "b"}, {"a", "a"}, {"", ""}, nil} {
		if s, _ := Learn([]column{{name: "C", categorical: true, texts: texts}}, len(texts)); s != nil {
			t.Errorf("Learn(%q) = %v, want nothing to tell apart by", texts, s)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		table, targets := planted(n, 149, 1)
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := table.Fit(b.Context(), targets, 4, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The weight is where the likelihood is greatest, within the range, and 0 where what is told is chance.
func TestWeigh(t *testing.T) {
	make100 := func(helps float64) (trials []Trial) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 100 {
			trial := Trial{Step: 2, TruthTold: []float32{float32(r.NormFloat64() + helps)}, TruthBias: []float32{0.5}}
			for range 30 {
				trial.Told, trial.Bias = append(trial.Told, float32(r.NormFloat64())), append(trial.Bias, float32(r.Float64()))
			}
			trials = append(trials, trial)
		}
		return trials
	}
	trials := make100(0.8)
	sum := func(w float64) (sum float64) {
		for k := range trials {
			v, _, _ := trials[k].at(w)
			sum += v
		}
		return sum
	}
	w := Weigh(trials, 60)
	if w <= 0.4 || w >= 1.2 || sum(w) < sum(w-0.01) || sum(w) < sum(w+0.01) {
		t.Errorf("the weight is %v with the likelihood %v, beside it %v and %v; want the greatest, near 0.8", w, sum(w), sum(w-0.01), sum(w+0.01))
	}
	if got := Weigh(trials, 0.3); got != 0.3 {
		t.Errorf("of at most 0.3 the weight is %v, want that", got)
	}
	for _, helps := range []float64{0, -1} {
		if got := Weigh(make100(helps), 60); got != 0 {
			t.Errorf("where what is told helps by %v, its weight is %v, want 0", helps, got)
		}
	}
	if got := Weigh(nil, 60); got != 0 {
		t.Errorf("without trials the weight is %v, want 0", got)
	}
}
