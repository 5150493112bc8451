package topk

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/num/f32"
)

// A Matrix is the items' vectors, Stride apart, and a number per item that every user may weigh.
type Matrix struct {
	N, Stride int
	Rows      []float32
	Bias      []float32
}

// A Job is one user's scan. An item's score is f32.Score(Vector, row) + Weight·Bias.
type Job struct {
	Vector []float64   // the length of a row
	Weight float32     // of the bias
	Allow  *bitset.Set // items to consider, nil for all
	Best   Heap        // Reset by the caller
	Sum    float64     // grows by exp(score) of every considered item
}

// Score returns the score of item i for j.
func (m *Matrix) Score(j *Job, i int) float32 {
	return f32.Score(j.Vector, m.Rows[i*m.Stride:(i+1)*m.Stride]) + float32(j.Weight*m.Bias[i])
}

// Scan scores every item for every job, in blocks of 64 items so that a block stays in cache for all
// jobs and is one word of their sets. It returns ctx's error when cancelled, with the jobs unfinished.
//
// A job's result does not depend on the other jobs.
func Scan(ctx context.Context, m *Matrix, jobs []Job) error {
	for b := 0; b*64 < m.N; b++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		full := ^uint64(0)
		if rest := m.N - b*64; rest < 64 {
			full = 1<<rest - 1
		}
		for j := range jobs {
			m.block(&jobs[j], b, full)
		}
	}
	return nil
}

// block offers items 64b… to the job, those that are in within.
func (m *Matrix) block(j *Job, b int, within uint64) {
	if j.Allow != nil {
		within &= j.Allow.Words()[b]
	}
	floor, sum := j.Best.Floor(), j.Sum
	for i := b * 64; within != 0; i, within = i+1, within>>1 {
		if within&1 == 0 {
			continue
		}
		s := m.Score(j, i)
		sum += math.Exp(float64(s))
		if key := Make(s, int32(i)); key > floor {
			j.Best.Push(key)
			floor = j.Best.Floor()
		}
	}
	j.Sum = sum
}
