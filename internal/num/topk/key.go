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
	b := math.Float32bits(score + 0) // -0 + 0 is +0
	if b>>31 != 0 {
		b = ^b
	} else {
		b |= 1 << 31
	}
	return Key(b)<<32 | Key(^uint32(index))
}

// Score returns the score in k.
func (k Key) Score() float32 {
	b := uint32(k >> 32)
	if b>>31 != 0 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	return math.Float32frombits(^b)
}

// Index returns the item in k.
func (k Key) Index() int32 { return int32(^uint32(k)) }

// A Heap keeps the largest keys it has seen. The zero Heap keeps none; call Reset first.
type Heap struct {
	k    int
	keys []Key // a binary heap, smallest first, once it is full
}

// Reset empties the heap and sets how many keys it keeps. Its memory is reused.
func (h *Heap) Reset(k int) { h.k, h.keys = k, h.keys[:0] }

// Floor returns the key that a newcomer has to exceed; 0, which no item has, while there is room.
func (h *Heap) Floor() Key {
	if len(h.keys) < h.k {
		return 0
	}
	if h.k == 0 {
		return math.MaxUint64
	}
	return h.keys[0]
}

// Push offers a key.
func (h *Heap) Push(key Key) {
	switch {
	case len(h.keys) < h.k:
		h.keys = append(h.keys, key)
		if len(h.keys) == h.k {
			for i := h.k/2 - 1; i >= 0; i-- {
				h.sink(i)
			}
		}
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
	slices.SortFunc(h.keys, func(a, b Key) int {
		if a > b {
			return -1
		}
		return 1
	})
	return h.keys
}
