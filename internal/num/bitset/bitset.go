// Package bitset holds sets of small integers as bits, the form in which filters and top-K meet.
package bitset

import "math/bits"

// A Set is a subset of 0..n-1, one bit each; bits beyond n are zero.
type Set struct {
	n     int
	words []uint64
}

// New returns an empty subset of 0..n-1.
func New(n int) *Set { return &Set{n: n, words: make([]uint64, (n+63)/64)} }

// Full returns the set of all of 0..n-1.
func Full(n int) *Set {
	s := New(n)
	s.Fill()
	return s
}

// Len returns the size n of the universe, not the number of members.
func (s *Set) Len() int { return s.n }

// Words returns the bits themselves, the lowest member in the lowest bit of the first word.
func (s *Set) Words() []uint64 { return s.words }

// Has reports whether i is a member. i must be in 0..n-1.
func (s *Set) Has(i int) bool { return s.words[i>>6]>>(uint(i)&63)&1 != 0 }

// Add makes i a member.
func (s *Set) Add(i int) { s.words[i>>6] |= 1 << (uint(i) & 63) }

// Remove takes i out.
func (s *Set) Remove(i int) { s.words[i>>6] &^= 1 << (uint(i) & 63) }

// Fill makes everything a member.
func (s *Set) Fill() {
	for i := range s.words {
		s.words[i] = ^uint64(0)
	}
	s.trim()
}

// Clear takes everything out.
func (s *Set) Clear() { clear(s.words) }

// trim zeroes the bits beyond n.
func (s *Set) trim() {
	if r := uint(s.n) & 63; r != 0 {
		s.words[len(s.words)-1] &= 1<<r - 1
	}
}

// Copy makes s equal to t, which must have the same universe.
func (s *Set) Copy(t *Set) { copy(s.words, t.words) }

// Clone returns a copy of s.
func (s *Set) Clone() *Set {
	t := New(s.n)
	t.Copy(s)
	return t
}

// And keeps the members that t has too.
func (s *Set) And(t *Set) {
	for i, w := range t.words {
		s.words[i] &= w
	}
}

// Or adds the members of t.
func (s *Set) Or(t *Set) {
	for i, w := range t.words {
		s.words[i] |= w
	}
}

// AndNot takes out the members of t.
func (s *Set) AndNot(t *Set) {
	for i, w := range t.words {
		s.words[i] &^= w
	}
}

// Not turns s into its complement.
func (s *Set) Not() {
	for i := range s.words {
		s.words[i] = ^s.words[i]
	}
	s.trim()
}

// Count returns the number of members.
func (s *Set) Count() int {
	c := 0
	for _, w := range s.words {
		c += bits.OnesCount64(w)
	}
	return c
}

// All yields the members in ascending order.
func (s *Set) All(yield func(int) bool) {
	for i, w := range s.words {
		for ; w != 0; w &= w - 1 {
			if !yield(i<<6 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}
