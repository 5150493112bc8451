package recipe

import "slices"

// The order of histories is worth learning if items that follow each other do so for more users than chance has it.
const (
	orderPairs = 1 << 20 // that are looked at; 16 bytes each
	orderShare = 1.5     // as many agreements as in histories without their order
)

// OrderTells reports whether the order of histories says what comes next: whether pairs of neighbours in them agree with
// each other more often than pairs of neighbours in the same histories shuffled by seed. It costs a sort, where
// a network would be learned for nothing. History u is item[start[u]:start[u+1]], best without repetitions.
//
// Memory: 48 MB at most.
func OrderTells(start []int64, item []int32, seed uint64) bool {
	var real, chance []uint64
	step := 1 + len(item)/orderPairs
	for u := 0; u < len(start)-1; u += step {
		items := item[start[u]:start[u+1]]
		real = neighbours(real, items)
		items = slices.Clone(items)
		for k := len(items) - 1; k > 0; k-- {
			j := int(Mix(seed^uint64(u), uint64(k)) % uint64(k+1))
			items[k], items[j] = items[j], items[k]
		}
		chance = neighbours(chance, items)
	}
	return agreements(real) > orderShare*agreements(chance)
}

// neighbours appends the pairs of items that follow each other.
func neighbours(pairs []uint64, items []int32) []uint64 {
	for k := 1; k < len(items); k++ {
		pairs = append(pairs, uint64(items[k-1])<<32|uint64(items[k]))
	}
	return pairs
}

// agreements is how many pairs of equals there are. It sorts.
func agreements(pairs []uint64) (sum float64) {
	slices.Sort(pairs)
	for lo, k := 0, 1; k <= len(pairs); k++ {
		if k == len(pairs) || pairs[k] != pairs[lo] {
			sum += float64(k-lo) * float64(k-lo-1) / 2
			lo = k
		}
	}
	return sum
}
