package recipe

// Carry returns the vectors of n items by those of others, both stride apart: an item that was one of the others has the
// vector it had, to the bit, and a fresh one, of which was says -1, has zero. fresh ascends. See [Among].
func Carry(n int, was func(i int) int, vectors []float32, stride int) (carried []float32, fresh []int) {
	carried = make([]float32, n*stride)
	for i := range n {
		if k := was(i); k >= 0 {
			copy(carried[i*stride:(i+1)*stride], vectors[k*stride:])
		} else {
			fresh = append(fresh, i)
		}
	}
	return carried, fresh
}
