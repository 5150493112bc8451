package seqnet

// Carry returns the network for another catalogue of n items: item i is the one that from(i) is here, or for -1 one of
// which the network thinks what it thinks of all in the mean. Its other numbers are shared.
func (m *Model) Carry(n int, from func(i int) int) (*Model, error) {
	width, known := m.Shape().Width, m.Vectors()
	mean := meanRow(known, width)
	vectors := make([]float32, 0, n*width)
	for i := range n {
		if k := from(i); k >= 0 {
			vectors = append(vectors, known[k*width:(k+1)*width]...)
		} else {
			vectors = append(vectors, mean...)
		}
	}
	return Of(m.Shape(), m.Params(), vectors)
}

// meanRow is the mean of rows of width.
func meanRow(rows []float32, width int) []float32 {
	sum, mean := make([]float64, width), make([]float32, width)
	for k, v := range rows {
		sum[k%width] += float64(v)
	}
	for k, v := range sum {
		mean[k] = float32(v * float64(width) / float64(max(1, len(rows))))
	}
	return mean
}
