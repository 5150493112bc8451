package recipe

import (
	"cmp"
	"slices"
)

// mostHeld is how many events of a user an inner split holds back at most.
const mostHeld = 10

// HoldBack makes an inner split, for recipes that compare models before these have learned from everything: the newest tenth
// of the events of at most so many users, one to ten each, is taken out of part and becomes the truth of tests. The users stay in
// part with their other events, of which there are two or more; all users, items and columns are those of d.
//
// The users are of the half that was here last, chosen by a hash of seed: they are most like those who will be asked about.
// What happened at one moment is held back whole or not at all. Where times say nothing ([Scattered]), the users are of all
// and the events from anywhere.
func HoldBack(d *Data, seed uint64, most int) (part *Data, tests []Test) {
	scattered := Scattered(d.Start, d.Item, d.Time)
	chosen := d.chooseToHold(seed, scattered, most)
	s := *d
	s.clear()
	for u := range d.Users.Len() {
		a, b := d.Start[u], d.Start[u+1]
		if !chosen[u] {
			s.take(d, a, b)
			continue
		}
		out := heldOf(d.Time[a:b], Mix(seed, uint64(u)), scattered)
		var truth []int32
		first := b // of what is held back
		for k := range b - a {
			if out[k] {
				first = min(first, a+k)
				truth = append(truth, d.Item[a+k])
			} else {
				s.add(d, a+k, a+k+1)
			}
		}
		from := s.Start[len(s.Start)-1]
		s.Start = append(s.Start, int64(len(s.Item)))
		slices.Sort(truth)
		tests = append(tests, Test{User: d.Attributes(u), Context: d.ContextOf(first), Items: s.Item[from:], Times: s.Time[from:], Truth: slices.Compact(truth)})
	}
	return &s, tests
}

// chooseToHold picks the users that something is held back of.
func (d *Data) chooseToHold(seed uint64, scattered bool, most int) []bool {
	var can []int
	for u := range d.Users.Len() {
		if a, b := d.Start[u], d.Start[u+1]; b-a >= 3 && (scattered || cutOf(d.Time[a:b]) >= 2) {
			can = append(can, u)
		}
	}
	if !scattered {
		slices.SortFunc(can, func(a, b int) int {
			return cmp.Or(-cmp.Compare(d.Time[d.Start[a+1]-1], d.Time[d.Start[b+1]-1]), cmp.Compare(a, b))
		})
		can = can[:(len(can)+1)/2]
	}
	slices.SortFunc(can, func(a, b int) int {
		return cmp.Or(cmp.Compare(Mix(seed, uint64(a)), Mix(seed, uint64(b))), cmp.Compare(a, b))
	})
	chosen := make([]bool, d.Users.Len())
	for _, u := range can[:min(len(can), most)] {
		chosen[u] = true
	}
	return chosen
}

// held is how many of n events are held back.
func held(n int) int { return min(mostHeld, max(1, n/10)) }

// cutOf is where the newest events begin that are held back: earlier than their number says if that is within a moment.
func cutOf(times []int64) int {
	cut := len(times) - held(len(times))
	for cut > 0 && times[cut-1] == times[cut] {
		cut--
	}
	return cut
}

// heldOf says which events of a user are held back.
func heldOf(times []int64, seed uint64, scattered bool) []bool {
	out := make([]bool, len(times))
	if !scattered {
		for k := cutOf(times); k < len(times); k++ {
			out[k] = true
		}
		return out
	}
	at := make([]int, len(times))
	for k := range at {
		at[k] = k
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Compare(Mix(seed, uint64(a)), Mix(seed, uint64(b))) })
	for _, k := range at[:held(len(times))] {
		out[k] = true
	}
	return out
}
