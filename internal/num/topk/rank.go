package topk

import (
	"math"
	"math/bits"
	"slices"
)

// few is how many numbers are sorted or chosen by comparing them.
const few = 64

// buckets is into how many parts threshold parts numbers.
const buckets = 512

// threshold returns a key that at least n of the keys exceed, and not many more: they are counted in buckets. No score is
// below least or above most.
func threshold(keys []Key, n int, least, most float32) Key {
	scale := (buckets - 1) / (most - least)
	if !(scale <= math.MaxFloat32) {
		return Make(least, -1) // they hardly differ
	}
	var count [buckets]int32
	for _, key := range keys {
		count[uint32((key.Score()-least)*scale)%buckets]++
	}
	b, below := 0, int32(len(keys)-n)
	for below >= count[b] && b < buckets-1 {
		below -= count[b]
		b++
	}
	// The difference, the product and the scale have each been rounded, and so will be what follows.
	edge := float64(least) + float64(b)/float64(scale)*(1-0x1p-20)
	edge -= math.Abs(edge)*0x1p-22 + math.SmallestNonzeroFloat32
	return Make(max(float32(edge), least), -1)
}

// sortDown sorts keys from the largest on. spare is memory for as many, which is returned for the next time.
//
// Keys are parted by their distance from the least, into about as many buckets as there are keys, and those of a bucket
// compared. Scores of the best are dense at the end and sparse at the front, but hardly so that a bucket has many.
func sortDown(keys, spare []Key) []Key {
	n := len(keys)
	if n <= few {
		insert(keys)
		return spare
	}
	least, most := keys[0], keys[0]
	for _, key := range keys {
		least, most = min(least, key), max(most, key)
	}
	size := bits.Len(uint(n - 1))
	shift := max(0, bits.Len64(uint64(most-least))-size)
	end := make([]int32, 1<<size)
	for _, key := range keys {
		end[(most-key)>>shift]++
	}
	at := int32(0)
	for b, k := range end {
		end[b] = at
		at += k
	}
	spare = append(spare[:0], keys...)
	for _, key := range spare {
		b := (most - key) >> shift
		keys[end[b]] = key
		end[b]++
	}
	at = 0
	for _, e := range end {
		insert(keys[at:e])
		at = e
	}
	return spare
}

// insert sorts keys down, a few of them by insertion.
func insert(keys []Key) {
	if len(keys) > few {
		slices.SortFunc(keys, func(a, b Key) int {
			if a > b {
				return -1
			}
			return 1
		})
		return
	}
	for k := 1; k < len(keys); k++ {
		key, at := keys[k], k
		for at > 0 && keys[at-1] < key {
			keys[at] = keys[at-1]
			at--
		}
		keys[at] = key
	}
}

// choose moves the largest n keys to the front.
func choose(keys []Key, n int) {
	lo, hi := 0, len(keys)
	for hi-lo > 1 && n > lo && n < hi {
		pivot := median(keys[lo], keys[lo+(hi-lo)/2], keys[hi-1])
		a, b := lo, hi-1
		for a <= b {
			for keys[a] > pivot {
				a++
			}
			for keys[b] < pivot {
				b--
			}
			if a <= b {
				keys[a], keys[b] = keys[b], keys[a]
				a++
				b--
			}
		}
		switch { // lo…b, and a…hi, which are smaller
		case n <= b+1:
			hi = b + 1
		case n >= a:
			lo = a
		default:
			return
		}
	}
}

func median(a, b, c Key) Key { return max(min(a, b), min(max(a, b), c)) }
