package seqnet

import "github.com/kindredrec/kindred/internal/num/f32"

// A work is the memory for a packed batch of sequences: their events end to end, a row each. It is reused.
type work struct {
	start   []int // sequence s has the rows start[s]:start[s+1]
	item    []int32
	dropout dropout
	random  *random // nil where nothing is dropped, as in answers

	x, out     []float32 // rows of width
	dout, dx   []float32
	mask       []float32
	hat, scale []float32
	tapes      []*tape     // of a transformer
	cells      []*cellTape // of a recurrent network
	march      march
	ends       []float32 // rows of last events

	spare, narrow, wide, square, state, step []float32
}

func (w *work) rows() int      { return len(w.item) }
func (w *work) sequences() int { return len(w.start) - 1 }

// reset empties w.
func (w *work) reset() {
	w.start, w.item = append(w.start[:0], 0), w.item[:0]
}

// push adds a sequence.
func (w *work) push(items []int32) {
	w.item = append(w.item, items...)
	w.start = append(w.start, len(w.item))
}

// drop applies dropout to x and keeps the factors in mask.
func (w *work) drop(x []float32, mask *[]float32) {
	if w.random == nil || w.dropout.below == 0 {
		return
	}
	w.dropout.draw(w.random, grow(mask, len(x)))
	f32.Times(*mask, x)
}

// dropped is drop's backward step.
func (w *work) dropped(d, mask []float32) {
	if w.random == nil || w.dropout.below == 0 {
		return
	}
	f32.Times(mask, d)
}

// grow makes *s a slice of n elements of any value, in the same memory if there is room.
func grow(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n+n/4)
	}
	*s = (*s)[:n]
	return *s
}
