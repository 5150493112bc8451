package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"

	"github.com/kindredrec/kindred/internal/num/als"
)

// writeNumbers writes a file of numbers of four bytes, little-endian.
func writeNumbers[T float32 | int32](path string, numbers []T) error {
	b := make([]byte, 0, 4*len(numbers))
	b, err := binary.Append(b, binary.LittleEndian, numbers)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// readNumbers reads what writeNumbers wrote.
func readNumbers[T float32 | int32](path string) ([]T, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	numbers := make([]T, len(b)/4)
	_, err = binary.Decode(b, binary.LittleEndian, numbers)
	return numbers, err
}

// writeSparse writes which pairs are known: as int64 the numbers of rows, columns and pairs, then where each row starts,
// and as int32 the columns, little-endian.
func writeSparse(path string, m *als.Sparse) error {
	b := make([]byte, 0, 8*(3+len(m.Start))+4*len(m.Col))
	var err error
	for _, part := range []any{[]int64{int64(m.Rows), int64(m.Cols), int64(len(m.Col))}, m.Start, m.Col} {
		if b, err = binary.Append(b, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return os.WriteFile(path, b, 0o644)
}

// readSparse reads what writeSparse wrote and gives each pair the weight.
func readSparse(path string, weight float32) (*als.Sparse, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var size [3]int64
	n, err := binary.Decode(b, binary.LittleEndian, &size)
	if err != nil {
		return nil, err
	}
	b = b[n:]
	if size[0] < 0 || size[2] < 0 || size[0] > math.MaxInt32 || int64(len(b)) != 8*(size[0]+1)+4*size[2] {
		return nil, fmt.Errorf("%s: %d bytes of %d rows and %d pairs", path, len(b), size[0], size[2])
	}
	m := &als.Sparse{Rows: int(size[0]), Cols: int(size[1]), Start: make([]int64, size[0]+1), Col: make([]int32, size[2]), Weight: make([]float32, size[2])}
	if n, err = binary.Decode(b, binary.LittleEndian, m.Start); err != nil {
		return nil, err
	}
	if _, err = binary.Decode(b[n:], binary.LittleEndian, m.Col); err != nil {
		return nil, err
	}
	for k := range m.Weight {
		m.Weight[k] = weight
	}
	return m, nil
}
