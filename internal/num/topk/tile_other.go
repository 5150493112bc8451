//go:build !amd64 || noasm

package topk

func (t *tile) run(pairs int, items []int16, factors []float32) { t.loop(pairs, items, factors) }
