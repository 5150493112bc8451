package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kindredrec/kindred/internal/num/als"
)

// fitting compares sweeps of least squares, from the same vectors on. The first, in which sides also prepare,
// does not count.
func fitting(ctx context.Context, p *peers, r row) error {
	ours, theirs, err := p.pair(ctx, r)
	if err != nil {
		return err
	}
	if err := p.read(r.of); err != nil {
		return err
	}
	start := als.Start(p.pairs, als.Config{Dim: r.dim, Seed: 1})
	if err := errors.Join(writeSparse(filepath.Join(p.dir, "known.bin"), p.pairs), writeNumbers(filepath.Join(p.dir, "start.f32"), start.Cols)); err != nil {
		return err
	}
	fits := []*fit{{seat: ours}}
	if theirs != nil {
		fits = append(fits, &fit{seat: theirs})
	}
	for _, f := range fits {
		if _, err := f.tell(order{Do: "fit", Dim: r.dim, Rows: p.pairs.Rows, Sweeps: p.turns + 1, Steps: steps, Weight: knownWeight, Regularization: regularization}); err != nil {
			return err
		}
	}
	for turn := range p.turns {
		for _, f := range fits {
			took, err := f.tell(order{Do: "step"})
			if err != nil {
				return err
			}
			f.costs = append(f.costs, took.each(1))
			if turn == p.turns-1 {
				if err := f.end(p, r.dim); err != nil {
					return err
				}
			}
		}
	}
	note, other := fmt.Sprintf("%d pairs; loss %.6g", len(p.pairs.Col), fits[0].loss), []turnCost(nil)
	if theirs != nil {
		note += fmt.Sprintf(" and %.6g", fits[1].loss)
		other = fits[1].costs
	}
	r.print(p, "", fits[0].costs, other, note)
	return nil
}

// A fit is a side's factorisation.
type fit struct {
	*seat
	costs []turnCost
	loss  float64
}

// end waits for the vectors and says how good they are.
func (f *fit) end(p *peers, dim int) error {
	if _, err := f.hear(); err != nil {
		return err
	}
	rows, err := readNumbers[float32](filepath.Join(p.dir, "found-rows.f32"))
	if err != nil {
		return err
	}
	cols, err := readNumbers[float32](filepath.Join(p.dir, "found-cols.f32"))
	f.loss = loss(p.pairs, dim, rows, cols)
	return err
}
