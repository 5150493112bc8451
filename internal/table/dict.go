package table

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

// A Dict numbers distinct strings from 0 in the order in which they first come.
//
// A string of up to eight bytes, as most ids are, lies in its slot of the hash table, so that looking it
// up touches one cache line. Longer ones leave their hash there and their text in the arena.
type Dict struct {
	slots []slot // a power of two, at most three quarters full
	ends  []int  // where each string ends in the arena
	arena []byte
}

type slot struct {
	word uint64 // the string itself, or its hash when it is longer than eight bytes
	code uint32 // number + 1; 0 for an empty slot
	size uint32 // bytes
}

// NewDict returns an empty dictionary with room for n strings.
func NewDict(n int) *Dict {
	size := 16
	for size*3 < n*4 {
		size *= 2
	}
	return &Dict{slots: make([]slot, size)}
}

// Reset empties the dictionary and keeps its memory.
func (d *Dict) Reset() {
	clear(d.slots)
	d.ends, d.arena = d.ends[:0], d.arena[:0]
}

// Len returns the number of distinct strings.
func (d *Dict) Len() int { return len(d.ends) }

// Size returns the bytes that the strings and the table take up.
func (d *Dict) Size() int { return len(d.arena) + 8*len(d.ends) + 16*len(d.slots) }

// At returns string i. It shares the dictionary's memory until Reset.
func (d *Dict) At(i int) string {
	from := 0
	if i > 0 {
		from = d.ends[i-1]
	}
	b := d.arena[from:d.ends[i]]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Code returns the number of s, giving it the next one if it is new. At most 1<<32-2 strings.
func (d *Dict) Code(s []byte) uint32 {
	word, h := hash(s)
	mask := uint64(len(d.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		at := &d.slots[i]
		if at.code == 0 {
			return d.add(s, i, word)
		}
		if at.word == word && at.size == uint32(len(s)) && (len(s) <= 8 || d.At(int(at.code-1)) == string(s)) {
			return at.code - 1
		}
	}
}

// Find returns the number of s; false if s is not in the dictionary.
func (d *Dict) Find(s string) (uint32, bool) {
	word, h := hash(unsafe.Slice(unsafe.StringData(s), len(s)))
	mask := uint64(len(d.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		at := &d.slots[i]
		if at.code == 0 {
			return 0, false
		}
		if at.word == word && at.size == uint32(len(s)) && (len(s) <= 8 || d.At(int(at.code-1)) == s) {
			return at.code - 1, true
		}
	}
}

// CodeOf is Code for a string.
func (d *Dict) CodeOf(s string) uint32 { return d.Code(unsafe.Slice(unsafe.StringData(s), len(s))) }

// add gives s the next number and the empty slot i.
func (d *Dict) add(s []byte, i, word uint64) uint32 {
	d.arena = append(d.arena, s...)
	d.ends = append(d.ends, len(d.arena))
	code := uint32(len(d.ends))
	d.slots[i] = slot{word, code, uint32(len(s))}
	if len(d.ends)*4 > len(d.slots)*3 {
		d.grow()
	}
	return code - 1
}

// grow doubles the table.
func (d *Dict) grow() {
	old := d.slots
	d.slots = make([]slot, 2*len(old))
	mask := uint64(len(d.slots) - 1)
	for _, s := range old {
		if s.code == 0 {
			continue
		}
		i := spread(s.word, int(s.size)) & mask
		for d.slots[i].code != 0 {
			i = (i + 1) & mask
		}
		d.slots[i] = s
	}
}

// The seed differs from run to run, so that nobody can prepare a file of colliding ids. No number that a
// Dict gives out depends on it.
var seed = rand.Uint64() | 1

// hash returns the word that stands for s in a slot, and where to begin to look for it.
func hash(s []byte) (word, h uint64) {
	switch n := len(s); {
	case n > 8:
		word = long(s)
	case n >= 4: // the halves may overlap; together with the length they are still all of s
		word = uint64(binary.LittleEndian.Uint32(s)) | uint64(binary.LittleEndian.Uint32(s[n-4:]))<<32
	case n > 0:
		word = uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	return word, spread(word, len(s))
}

// spread mixes a word so that its low bits are good for a table.
func spread(word uint64, n int) uint64 {
	hi, lo := bits.Mul64(word^seed, 0x9e3779b97f4a7c15^uint64(n)<<32)
	return hi ^ lo
}

// long hashes a string of more than eight bytes, eight at a time; the last eight may overlap.
func long(s []byte) uint64 {
	h := seed ^ uint64(len(s))
	last := len(s) - 8
	for i := 0; i < last; i += 8 {
		h = mix(h, binary.LittleEndian.Uint64(s[i:]))
	}
	return mix(h, binary.LittleEndian.Uint64(s[last:]))
}

func mix(h, w uint64) uint64 {
	hi, lo := bits.Mul64(h^w, 0xd6e8feb86659fd93)
	return hi ^ lo ^ bits.RotateLeft64(w, 23)
}
