package artifact

import (
	"encoding/json"
	"hash/crc32"
	"unsafe"
)

// The file, all numbers little-endian:
//
//	offset  size  what
//	     0     8  magic "KINDRED1"
//	     8     8  offset of the table
//	    16     8  length of the table
//	    24     4  CRC-32C of the table
//	    28     4  CRC-32C of bytes 0 to 27
//	    32    32  zero
//	    64     …  the arrays, each beginning at a multiple of 64
//	     …     …  the table: JSON {"meta": …, "arrays": [{name, type, offset, count, crc}, …]}
//
// A reader maps the file and hands out slices of the mapping, so an array costs nothing until it is
// touched. Array checksums are for Verify; Open checks the header and the table.
const (
	magic      = "KINDRED1"
	headerSize = 64
	alignment  = 64
)

type entry struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Offset int64  `json:"offset"` // bytes from the beginning of the file
	Count  int64  `json:"count"`  // elements
	CRC    uint32 `json:"crc"`
}

type table struct {
	Meta   json.RawMessage `json:"meta,omitempty"`
	Arrays []entry         `json:"arrays"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// typeName names an element type as the table spells it, and its size in bytes.
func typeName[T Element]() (string, int) {
	var z T
	size := int(unsafe.Sizeof(z))
	half := T(1)
	half /= 2 // 0 for integers, 0.5 for floats
	neg := z - 1
	kind := "i"
	switch {
	case half != 0:
		kind = "f"
	case neg > 0:
		kind = "u"
	}
	return kind + string(rune('0'+size)), size
}

// raw sees a slice of elements as bytes.
func raw[T Element](a []T) []byte {
	if len(a) == 0 {
		return nil
	}
	_, size := typeName[T]()
	return unsafe.Slice((*byte)(unsafe.Pointer(&a[0])), len(a)*size)
}
