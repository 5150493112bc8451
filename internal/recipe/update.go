package recipe

// Carry returns the vectors of an item table by those of another, both stride apart: an item that is in both has the vector
// it had, to the bit, and one that is fresh, which from does not know, has zero.
func Carry(to, from Names, vectors []float32, stride int) (carried []float32, fresh []int) {
	carried = make([]float32, to.Len()*stride)
	was := Among(to, from)
	for i := range to.Len() {
		if k := was(i); k >= 0 {
			copy(carried[i*stride:(i+1)*stride], vectors[k*stride:])
		} else {
			fresh = append(fresh, i)
		}
	}
	return carried, fresh
}
