package recipe

// Scattered reports whether what is missing from the data is missing from anywhere, and not what comes next: then
// the order of events says nothing, and no recipe is to learn from it. The events of user u are start[u]:start[u+1], by
// time.
//
// Memory: some 50 MB at most.
func Scattered(start []int64, item []int32, time []int64) bool {
	t := timeline{start, item, time}
	return t.gapped() || t.simultaneous() && t.uniform()
}

// A timeline is what users did when.
type timeline struct {
	start []int64
	item  []int32
	time  []int64
}

func (s *timeline) len() int { return max(0, len(s.start)-1) }

// simultaneous reports whether half of the users began at one moment, as they do where times were made up.
func (s *timeline) simultaneous() bool {
	began := map[int64]int{}
	most, all := 0, 0
	for u := range s.len() {
		if s.start[u] < s.start[u+1] {
			when := s.time[s.start[u]]
			began[when]++
			most, all = max(most, began[when]), all+1
		}
	}
	return most >= 2 && 2*most >= all
}

// gapped reports whether times tick regularly, half of the time at the next tick, and one in fifty events comes later than
// that: then times number the events, and what is missing was taken from anywhere.
func (s *timeline) gapped() bool {
	gaps := map[int64]int{}
	all := 0
	for u := range s.len() {
		times := s.time[s.start[u]:s.start[u+1]]
		for k := 1; k < len(times); k++ {
			gaps[times[k]-times[k-1]]++
			all++
		}
	}
	tick := int64(0)
	for g, c := range gaps {
		if c > gaps[tick] || c == gaps[tick] && g < tick {
			tick = g
		}
	}
	if all < 100 || tick <= 0 || 2*gaps[tick] < all {
		return false
	}
	later, irregular := 0, 0
	for g, c := range gaps {
		switch {
		case g%tick != 0 || g == 0:
			irregular += c
		case g > tick:
			later += c
		}
	}
	return 100*irregular <= all && 50*later >= all
}

// uniform reports whether all users meet the same items in the same order, say that of
// a catalogue: of the pairs of items that follow each other for two users, one in twenty at most is turned round.
func (s *timeline) uniform() bool {
	type pair struct{ a, b int32 }
	seen := map[pair][2]float64{} // forth, back
	for u := range s.len() {
		items, times := s.item[s.start[u]:s.start[u+1]], s.time[s.start[u]:s.start[u+1]]
		for k := 1; k < len(items); k++ {
			p, way := pair{items[k-1], items[k]}, 0
			if p.a > p.b {
				p.a, p.b, way = p.b, p.a, 1
			}
			c, known := seen[p]
			if p.a == p.b || !alone(times, k-1) || !alone(times, k) || !known && len(seen) >= mostPairs {
				continue
			}
			c[way]++
			seen[p] = c
		}
	}
	var alike, all float64
	for _, c := range seen { // sums of whole numbers, so in any order
		f, b := c[0], c[1]
		alike += f*(f-1) + b*(b-1)
		all += (f + b) * (f + b - 1)
	}
	return all >= 100 && alike >= 0.95*all
}

// alone reports whether nothing else happened at the moment of event k; what did is in order of item, not of time.
func alone(times []int64, k int) bool {
	return (k == 0 || times[k-1] != times[k]) && (k+1 == len(times) || times[k+1] != times[k])
}

// mostPairs bounds the memory of uniform to some 50 MB.
const mostPairs = 1 << 20
