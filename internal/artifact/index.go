package artifact

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// An index says where in a table a string stands. It is an open-addressed table with linear probing:
//
//	element  what
//	      0  the seed of the hash
//	  1 to n  slots: 0 for an empty one; else the number of a string plus 1 in the lowest bits, as many as the
//	          number of strings has, and above them the lowest bits of the string's hash
//
// A string is in the first free slot from ⌊hash · slots / 2⁶⁴⌋ on, with slot 0 after the last one. At most two thirds
// of the slots are taken. The bits of the hash keep a search from looking at strings that are not meant:
// each of them costs two reads in memory that is likely not in any cache.
type index []uint32

const (
	// mostProbes is how far a string may be from its place. Random hashes stay below a third of this with a billion
	// strings, so that more means that somebody chose the strings for their hashes.
	mostProbes = 1024
	mostSeeds  = 4
)

// newIndex returns an index of n distinct strings, or nil if there are strings that would make it slow with each seed.
// Memory: 6 bytes a string.
func newIndex(n int, at func(i int) string, probes int) index {
	x := make(index, 2+n+n/2)
	for seed := range uint32(mostSeeds) {
		clear(x)
		x[0] = seed
		if x.fill(n, at, probes) {
			return x
		}
	}
	return nil
}

func (x index) fill(n int, at func(i int) string, probes int) bool {
	width := bits.Len(uint(n))
	for i := range n {
		h := x.hash(at(i))
		slot := x.home(h)
		for range probes {
			if x[slot] == 0 {
				break
			}
			slot = x.after(slot)
		}
		if x[slot] != 0 {
			return false
		}
		x[slot] = uint32(h)<<width | uint32(i+1)
	}
	return true
}

// home is the slot at which a search begins.
func (x index) home(hash uint64) int {
	slot, _ := bits.Mul64(hash, uint64(len(x)-1))
	return 1 + int(slot)
}

// after is the slot that comes after one.
func (x index) after(slot int) int {
	if slot++; slot == len(x) {
		return 1
	}
	return slot
}

// hash hashes 8 bytes at a time; the last ones may be hashed twice. Each step folds a product of 128 bits. The files
// depend on it, so it is for ever.
func (x index) hash(s string) uint64 {
	const a, b, c = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93, 0xa0761d6478bd642f // odd, with half of the bits set
	p := unsafe.Slice(unsafe.StringData(s), len(s))
	h := (uint64(x[0])+1)*a ^ uint64(len(p))*b
	for ; len(p) > 8; p = p[8:] {
		h = fold(h^binary.LittleEndian.Uint64(p), b)
	}
	var last uint64
	switch n := len(p); {
	case len(s) >= 8:
		last = binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(s), len(s))[len(s)-8:])
	case n >= 4:
		last = uint64(binary.LittleEndian.Uint32(p)) | uint64(binary.LittleEndian.Uint32(p[n-4:]))<<32
	case n > 0:
		last = uint64(p[0]) | uint64(p[n/2])<<8 | uint64(p[n-1])<<16
	}
	return fold(fold(h^last, c), a)
}

func fold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// next returns the first number from a slot on whose bits of the hash are right, and the slot; -1 if there is none.
func (x index) next(slot int, hash uint64, width int) (i, where int) {
	low := uint32(1)<<width - 1
	for range len(x) { // even if damage left no slot empty
		v := x[slot]
		if v == 0 {
			break
		}
		if v&^low == uint32(hash)<<width {
			return int(v&low) - 1, slot
		}
		slot = x.after(slot)
	}
	return -1, slot
}

// lookup finds v from a slot on.
func (s Strings) lookup(v string, slot int, hash uint64) int {
	width := bits.Len(uint(s.Len()))
	for {
		i, at := s.index.next(slot, hash, width)
		if i < 0 || s.At(i) == v {
			return i
		}
		slot = s.index.after(at)
	}
}

// together is how many strings are looked up at a time: so many that the memory is kept busy, and their state
// stays in the first-level cache.
const together = 64

// FindAll sets found[k] to the index of v[k], or to −1 if it is not there, for a table whose strings ascend. Many
// strings take much less time together than one by one: what one waits for from memory comes with the others'.
func (s Strings) FindAll(v []string, found []int32) {
	for len(v) > 0 {
		n := min(len(v), together)
		if s.index == nil {
			for k, text := range v[:n] {
				found[k] = -1
				if i, ok := s.Find(text); ok {
					found[k] = int32(i)
				}
			}
		} else {
			s.findSome(v[:n], found[:n])
		}
		v, found = v[n:], found[n:]
	}
}

// findSome goes through the strings once for each of the reads that a search consists of. No read waits for another
// one of the same loop, so the processor has many of them under way.
func (s Strings) findSome(v []string, found []int32) {
	var hash [together]uint64
	var slot [together]int
	var from, to [together]int64
	width := bits.Len(uint(s.Len()))
	for k, text := range v {
		hash[k] = s.index.hash(text)
		slot[k] = s.index.home(hash[k])
	}
	for k := range v {
		var i int
		i, slot[k] = s.index.next(slot[k], hash[k], width)
		found[k] = int32(i)
	}
	for k := range v {
		if i := found[k]; i >= 0 {
			from[k], to[k] = s.offsets[i], s.offsets[i+1]
		}
	}
	for k, text := range v {
		if found[k] >= 0 && string(s.bytes[from[k]:to[k]]) != text {
			found[k] = int32(s.lookup(text, s.index.after(slot[k]), hash[k]))
		}
	}
}
