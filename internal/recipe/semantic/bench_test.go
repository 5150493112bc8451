package semantic_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
	"github.com/kindredrec/kindred/internal/recipe/semantic"
)

// shelf is n texts of 60 words of 300 subjects, out of 30,000 words: half of each text is of its subject and half of
// what all use, some words often and most rarely.
func shelf(n int) *recipe.Data {
	rng := rand.New(rand.NewPCG(1, 2))
	vocabulary := make([]string, 30_000)
	for i := range vocabulary {
		b := make([]byte, 4+rng.IntN(7))
		for k := range b {
			b[k] = byte('a' + rng.IntN(26))
		}
		vocabulary[i] = string(b)
	}
	titles, texts := make([]string, n), make([]string, n)
	for i := range n {
		subject, words := rng.IntN(300), make([]string, 60)
		for k := range words {
			if rng.IntN(2) == 0 {
				words[k] = vocabulary[subject*100+rng.IntN(100)]
			} else {
				words[k] = vocabulary[int(float64(len(vocabulary))*rng.Float64()*rng.Float64()*rng.Float64())]
			}
		}
		titles[i], texts[i] = strings.Join(words[:3], " "), strings.Join(words, " ")
	}
	return library(titles, texts)
}

func BenchmarkTrain(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		d := shelf(n)
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "m")
			for b.Loop() {
				w, err := artifact.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				order := recipe.Training{Data: d, Threads: 1, Out: w, Log: slog.New(slog.DiscardHandler)}
				if err := (semantic.Recipe{}).Train(context.Background(), order); err != nil {
					b.Fatal(err)
				}
				w.Discard()
			}
		})
	}
}

// BenchmarkUpdate takes 100 new items in.
func BenchmarkUpdate(b *testing.B) {
	const n, late = 10_000, 100
	all := shelf(n)
	titles, texts := all.Title.(prose), all.Texts[0].(prose)
	dir := b.TempDir()
	base := filepath.Join(dir, "base")
	recipetest.Train(b, semantic.Recipe{}, library(titles[:n-late], texts[:n-late]), base, 1, 1)
	f, err := artifact.Open(base)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	b.Run(fmt.Sprintf("items=%d/new=%d", n, late), func(b *testing.B) {
		for b.Loop() {
			w, err := artifact.Create(filepath.Join(dir, "m"))
			if err != nil {
				b.Fatal(err)
			}
			order := recipe.Training{Data: all, Threads: 1, Out: w, Log: slog.New(slog.DiscardHandler)}
			if err := (semantic.Recipe{}).Update(context.Background(), order, f); err != nil {
				b.Fatal(err)
			}
			w.Discard()
		}
	})
}

func BenchmarkRank(b *testing.B) {
	const n = 10_000
	m := recipetest.Train(b, semantic.Recipe{}, shelf(n), filepath.Join(b.TempDir(), "m"), 1, 1)
	queries, answers := make([]recipe.Query, 48), make([]recipe.Answer, 48)
	for k := range queries {
		queries[k] = recipe.Query{Item: int32(k * n / len(queries)), Count: 25}
	}
	b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
		for b.Loop() {
			if err := m.Rank(context.Background(), queries, answers); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(queries)), "µs/query")
	})
}
