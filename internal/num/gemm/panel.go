package gemm

// panels are a block of an operand as tiles read it: panels of width rows or columns of C, one after the other. A
// panel is packed, k times width elements in a row with zeros where C ends, or read where the caller has it.
type panels struct {
	width  int
	k      int
	packed []float32
	direct operand // what is not packed, if anything
	whole  int     // of the operand's rows or columns, how many are read directly: a multiple of width
}

// panel returns where the columns of B from y on are, and how far apart its rows are.
func (s *panels) panel(y int) (b []float32, bs int) {
	if y < s.whole {
		return s.direct.at[y*s.direct.across:], s.direct.along
	}
	return s.packed[(y-s.whole)*s.k:], s.width
}

// rows returns where the rows of A from x on are, and how far apart they and their elements are.
func (s *panels) rows(x int) (a []float32, rs, ks int) {
	if x < s.whole {
		return s.direct.at[x*s.direct.across:], s.direct.across, s.direct.along
	}
	return s.packed[(x-s.whole)*s.k:], 1, s.width
}

// Packing reads and writes every element once; it pays when tiles then read it often, or when reading in place
// is slow.
const (
	packBFor = 8 * tileRows  // rows of C that use the packed B
	packAFor = 24 * tileCols // columns of C that use the packed A
)

// packB prepares a block of B for rows rows of C. Kernels read 32 columns at a time, so the last ones are packed.
func (b *buffer) packB(o operand, cols, k, rows int) *panels {
	s := &b.right
	*s = panels{width: tileCols, k: k, direct: o}
	if o.across == 1 && rows < packBFor && !conflicting(o.along) {
		s.whole = cols / tileCols * tileCols
	}
	b.b = s.pack(b.b, cols)
	return s
}

// packA prepares a block of A for cols columns of C. Kernels read 12 rows at a time, so the last ones are packed.
func (b *buffer) packA(o operand, rows, k, cols int) *panels {
	s := &b.left
	*s = panels{width: tileRows, k: k, direct: o}
	if cols < packAFor && !conflicting(max(o.across, o.along)) {
		s.whole = rows / tileRows * tileRows
	}
	b.a = s.pack(b.a, rows)
	return s
}

// conflicting reports whether elements that far apart share a few sets of the first cache.
func conflicting(stride int) bool { return stride%512 == 0 }

// pack packs all of n rows or columns that are not read directly into buf, and returns buf.
func (s *panels) pack(buf []float32, n int) []float32 {
	rest := (n - s.whole + s.width - 1) / s.width * s.width
	buf = grown(buf, rest*s.k)
	s.packed = buf
	for at := s.whole; at < n; at += s.width {
		dst := buf[(at-s.whole)*s.k:][:s.width*s.k]
		o := s.direct.from(at, 0)
		have := min(s.width, n-at)
		if o.across == 1 {
			copyPanel(dst, s.width, o, have, s.k)
		} else {
			turnPanel(dst, s.width, o, have, s.k)
		}
	}
	return buf
}

// copyPanel packs a panel whose elements lie as they are packed.
func copyPanel(dst []float32, width int, o operand, have, k int) {
	if have == width {
		copyWhole(dst, width, o.at, o.along, k)
		return
	}
	for p := range k {
		to := dst[p*width : (p+1)*width]
		copy(to, o.at[p*o.along:p*o.along+have])
		clear(to[have:])
	}
}

// copyLoop copies k rows of width elements, ss apart, one after the other.
func copyLoop(dst []float32, width int, src []float32, ss, k int) {
	for p := range k {
		copy(dst[p*width:(p+1)*width], src[p*ss:])
	}
}

// turnPanel packs a panel of which the rows or columns of C lie in a row.
func turnPanel(dst []float32, width int, o operand, have, k int) {
	if have < width {
		clear(dst)
	}
	for r := 0; r < have; {
		if have-r >= 4 && k >= 4 {
			quads := k / 4
			transpose4(o.at[r*o.across:], o.across, dst[r:], width, quads)
			for q := r; q < r+4; q++ {
				turnRow(dst[q:], width, o.at[q*o.across:], 4*quads, k)
			}
			r += 4
			continue
		}
		turnRow(dst[r:], width, o.at[r*o.across:], 0, k)
		r++
	}
}

func turnRow(dst []float32, width int, src []float32, from, k int) {
	for p := from; p < k; p++ {
		dst[p*width] = src[p]
	}
}

// transposeLoop writes the first 4·quads elements of four rows ss apart as that many rows of four, ds apart.
func transposeLoop(src []float32, ss int, dst []float32, ds, quads int) {
	for r := range 4 {
		row := src[r*ss : r*ss+4*quads]
		for p, x := range row {
			dst[p*ds+r] = x
		}
	}
}
