package topk

import (
	"math"
	"slices"
)

// A Key is a score and an index as one number: the higher key is the better item. The upper half is the
// score's bits in an order that compares as an integer, the lower half the complement of the index.
type Key uint64

// Make returns the key of an item. score must not be NaN; -0 counts as 0.
func Make(score float32, index int32) Key {
	b := math.Float32bits(score + 0)  // -0 + 0 is +0
	b ^= uint32(int32(b)>>31) | 1<<31 // all of a negative number's bits, the sign of another
	return Key(b)<<32 | Key(^uint32(index))
}

// Score returns the score in k.
func (k Key) Score() float32 {
	b := uint32(k >> 32)
	return math.Float32frombits(b ^ (uint32(int32(^b)>>31) | 1<<31))
}

// Index returns the item in k.
func (k Key) Index() int32 { return int32(^uint32(k)) }

// A Heap keeps the largest keys it has seen. The zero Heap keeps none; call Reset first.
type Heap struct {
	k     int
	keys  []Key // a binary heap, smallest first, once it is full
	loose bool  // it is full and no heap yet
	spare []Key
}

// Reset empties the heap and sets how many keys it keeps. Its memory is reused.
func (h *Heap) Reset(k int) { h.k, h.keys, h.loose = k, h.keys[:0], false }

// Floor returns the key that a newcomer has to exceed; 0, which no item has, while there is room.
func (h *Heap) Floor() Key {
	if len(h.keys) < h.k {
		return 0
	}
	if h.k == 0 {
		return math.MaxUint64
	}
	if h.loose {
		h.arrange()
	}
	return h.keys[0]
}

// fill makes keys what the heap keeps, at most as many as it is for.
func (h *Heap) fill(keys []Key) {
	h.keys = append(h.keys[:0], keys...)
	h.loose = len(keys) == h.k
}

// arrange makes a heap of the keys.
func (h *Heap) arrange() {
	for i := h.k/2 - 1; i >= 0; i-- {
		h.sink(i)
	}
	h.loose = false
}

// Push offers a key.
func (h *Heap) Push(key Key) {
	switch {
	case len(h.keys) < h.k:
		h.keys = append(h.keys, key)
		h.loose = len(h.keys) == h.k
	case key > h.Floor():
		h.keys[0] = key
		h.sink(0)
	}
}

// Top returns the largest key, and false if there is none.
func (h *Heap) Top() (Key, bool) {
	if len(h.keys) == 0 {
		return 0, false
	}
	return slices.Max(h.keys), true
}

// sink moves the key at i down to its place.
func (h *Heap) sink(i int) {
	keys := h.keys
	for {
		c := 2*i + 1
		if c >= len(keys) {
			return
		}
		if c+1 < len(keys) && keys[c+1] < keys[c] {
			c++
		}
		if keys[i] <= keys[c] {
			return
		}
		keys[i], keys[c] = keys[c], keys[i]
		i = c
	}
}

// Sorted returns the keys, best first, and leaves the heap to be Reset. The slice is the heap's own.
func (h *Heap) Sorted() []Key {
	h.spare = sortDown(h.keys, h.spare)
	return h.keys
}
