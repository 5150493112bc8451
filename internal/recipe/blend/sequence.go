package blend

import (
	"cmp"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/recipe"
)

// longest bounds the events of one user that are looked at, newest first, in training and in answers:
// pairs grow with the square.
const longest = 500

// sequences are users' events, oldest first.
type sequences struct {
	n     int // items
	start []int64
	item  []int32
	time  []int64

	weight []float32 // alongside item: how much it counts to tell this event; nil for 1 each

	content *content // of the items; nil where they say nothing of themselves
	created []int64  // when each item came
	shown   []int32  // recipe.Data's
}

// newSequences takes the newest events of each user.
func newSequences(d *recipe.Data) *sequences {
	s := &sequences{n: d.Items.Len(), start: make([]int64, 1, d.Users.Len()+1), content: newContent(d), created: d.Created, shown: d.Shown}
	for u := range d.Users.Len() {
		items, times := d.History(u)
		from := max(0, len(items)-longest)
		var weights []float32
		if d.Weight != nil {
			weights = d.Weight[d.Start[u]+int64(from) : d.Start[u+1]]
		}
		s.add(items[from:], times[from:], weights)
	}
	return s
}

func (s *sequences) add(items []int32, times []int64, weights []float32) {
	s.item, s.time, s.weight = append(s.item, items...), append(s.time, times...), append(s.weight, weights...)
	s.start = append(s.start, int64(len(s.item)))
}

func (s *sequences) len() int { return len(s.start) - 1 }

func (s *sequences) of(u int) []int32 { return s.item[s.start[u]:s.start[u+1]] }

// weights returns those of user u's events, nil where all are 1.
func (s *sequences) weights(u int) []float32 {
	if s.weight == nil {
		return nil
	}
	return s.weight[s.start[u]:s.start[u+1]]
}

// at returns one of some weights, 1 where these are nil.
func at(weights []float32, k int) float32 {
	if weights == nil {
		return 1
	}
	return weights[k]
}

// histories returns those of the first users, at most so many.
func (s *sequences) histories(most int) [][]int32 {
	var out [][]int32
	for u := range min(most, s.len()) {
		out = append(out, s.of(u))
	}
	return out
}

// A test is one user of the inner split: what came before and what next. late[k] is how many events came
// between before and next[k], those of one moment counting as one time.
type test struct {
	before, next []int32
	times        []int64 // of before
	late         []int
	worth        []float32 // weights of next; nil for 1 each

	// What t.atEvent is made of: the history as it is, and where an event of it is to be the next.
	items []int32
	when  []int64
	cut   int // 0 if there is no such place

	user int // whose sequence it is
}

// atEvent is the test of a single event, whatever else happened at its moment.
func (t test) atEvent() test {
	if t.cut == 0 {
		return test{}
	}
	return test{before: t.items[:t.cut], times: t.when[:t.cut], next: t.items[t.cut : t.cut+1], late: []int{0}}
}

const (
	mostTests  = 1500 // users to weigh by: enough to tell a few weights apart by one part in fifty
	leastTests = 20   // below which there is no telling
	mostNext   = 5
)

// holdBack returns the sequences without the newest tenth, about five at most, of the events of some
// users, chosen evenly by a hash of seed, and these as tests. If scattered, events are held back from
// anywhere.
func (s *sequences) holdBack(seed uint64, scattered bool) (*sequences, []test) {
	chosen := s.choose(seed, scattered)
	part := &sequences{n: s.n, start: make([]int64, 1, len(s.start)), content: s.content, created: s.created, shown: s.shown}
	var tests []test
	for u := range s.len() {
		items, times, weights := s.of(u), s.time[s.start[u]:s.start[u+1]], s.weights(u)
		if !chosen[u] {
			part.add(items, times, weights)
			continue
		}
		t := test{user: u}
		held := min(mostNext, max(1, len(items)/10))
		if cut := cutAt(times, held); scattered || cut == 0 {
			times, weights = t.scatter(items, times, weights, held, mix(seed, uint64(u)))
		} else {
			t.newest(items, times, cut)
			t.items, t.when, t.cut = items, times, len(items)-held
			times = times[:cut]
			if weights != nil {
				weights, t.worth = weights[:cut], weights[cut:]
			}
		}
		t.times = times
		part.add(t.before, times, weights)
		tests = append(tests, t)
	}
	return part, tests
}

// without returns the sequences without those of every second test's user.
func (s *sequences) without(tests []test) *sequences {
	out := &sequences{n: s.n, start: make([]int64, 1, len(s.start))}
	strange := make([]bool, s.len())
	for k := 1; k < len(tests); k += 2 {
		strange[tests[k].user] = true
	}
	for u := range s.len() {
		if !strange[u] {
			out.add(s.of(u), s.time[s.start[u]:s.start[u+1]], s.weights(u))
		}
	}
	return out
}

// choose picks the users to hold back from: of all if times say nothing, else of the half that was here last, who are
// most like those who come next.
func (s *sequences) choose(seed uint64, scattered bool) []bool {
	var can []int
	for u := range s.len() {
		if len(s.of(u)) >= 3 {
			can = append(can, u)
		}
	}
	if !scattered && len(can) >= 4*leastTests {
		slices.SortFunc(can, func(a, b int) int {
			return cmp.Or(-cmp.Compare(s.time[s.start[a+1]-1], s.time[s.start[b+1]-1]), cmp.Compare(a, b))
		})
		can = can[:(len(can)+1)/2]
	}
	slices.SortFunc(can, func(a, b int) int {
		return cmp.Or(cmp.Compare(mix(seed, uint64(a)), mix(seed, uint64(b))), cmp.Compare(a, b))
	})
	chosen := make([]bool, s.len())
	for _, u := range can[:min(len(can), mostTests)] {
		chosen[u] = true
	}
	return chosen
}

// cutAt returns where to cut so that about held events are later, and none of one moment are on both sides:
// a basket is held back whole, or not. It is 0 if all are of one moment.
func cutAt(times []int64, held int) int {
	cut := len(times) - held
	for cut > 0 && times[cut-1] == times[cut] {
		cut--
	}
	return cut
}

// newest splits the events at cut.
func (t *test) newest(items []int32, times []int64, cut int) {
	t.before, t.next = items[:cut], items[cut:]
	for k := cut; k < len(times); k++ {
		if k > cut && times[k] == times[k-1] {
			t.late = append(t.late, t.late[len(t.late)-1])
		} else {
			t.late = append(t.late, k-cut)
		}
	}
}

// scatter takes held events from anywhere, by a hash, and returns the times and weights of the others.
func (t *test) scatter(items []int32, times []int64, weights []float32, held int, seed uint64) (left []int64, leftWeights []float32) {
	at := make([]int, len(items))
	for k := range at {
		at[k] = k
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Compare(mix(seed, uint64(a)), mix(seed, uint64(b))) })
	out := at[:held]
	for k, i := range items {
		if slices.Contains(out, k) {
			t.next, t.late = append(t.next, i), append(t.late, 0)
			if weights != nil {
				t.worth = append(t.worth, weights[k])
			}
		} else {
			t.before, left = append(t.before, i), append(left, times[k])
			if weights != nil {
				leftWeights = append(leftWeights, weights[k])
			}
		}
	}
	return left, leftWeights
}

// scattered reports whether what is missing from the data is missing from anywhere, and not what comes next.
func (s *sequences) scattered() bool { return recipe.Scattered(s.start, s.item, s.time) }

// users counts the users of each item, each for the most that an event of theirs with the item weighs.
func (s *sequences) users() []float64 {
	count, last, most := make([]float64, s.n), make([]int32, s.n), make([]float32, s.n)
	for u := range s.len() {
		weights := s.weights(u)
		for k, i := range s.of(u) {
			if last[i] != int32(u)+1 {
				last[i], most[i] = int32(u)+1, 0
			}
			if w := at(weights, k); w > most[i] {
				count[i] += float64(w) - float64(most[i])
				most[i] = w
			}
		}
	}
	return count
}

// recent counts the events of each item among the newest tenth of all, each for what it weighs.
func (s *sequences) recent() []float64 {
	from, _ := recipe.Percentiles(s.time, 0.9, 1)
	count := make([]float64, s.n)
	for k, i := range s.item {
		if s.time[k] >= from {
			count[i] += float64(at(s.weight, k))
		}
	}
	return count
}

// logs returns log(count+1).
func logs(count []float64) []float32 {
	out := make([]float32, len(count))
	for i, c := range count {
		out[i] = float32(math.Log(c + 1))
	}
	return out
}

// A place is one event of a sequence.
type place struct{ user, at int32 }

// places returns every event by item: those of item i are all[start[i]:start[i+1]], users ascending.
func (s *sequences) places() (start []int64, all []place) {
	start = make([]int64, s.n+1)
	for _, i := range s.item {
		start[i+1]++
	}
	for i := range s.n {
		start[i+1] += start[i]
	}
	next := slices.Clone(start)
	all = make([]place, len(s.item))
	for u := range s.len() {
		for k, i := range s.of(u) {
			all[next[i]] = place{int32(u), int32(k)}
			next[i]++
		}
	}
	return start, all
}

// distinct returns the sequences with each item once per user, at its last place and with the most that any of
// its events weighs.
func (s *sequences) distinct() *sequences {
	d := &sequences{n: s.n, start: make([]int64, 1, len(s.start))}
	last, place := make([]int32, s.n), make([]int, s.n)
	for u := range s.len() {
		items, weights := s.of(u), s.weights(u)
		from := len(d.item)
		for k := len(items) - 1; k >= 0; k-- {
			i := items[k]
			if last[i] != int32(u)+1 {
				last[i], place[i] = int32(u)+1, len(d.item)
				d.item = append(d.item, i)
				if weights != nil {
					d.weight = append(d.weight, 0)
				}
			}
			if weights != nil {
				d.weight[place[i]] = max(d.weight[place[i]], weights[k])
			}
		}
		slices.Reverse(d.item[from:])
		if weights != nil {
			slices.Reverse(d.weight[from:])
		}
		d.start = append(d.start, int64(len(d.item)))
	}
	return d
}

// mix hashes two numbers.
func mix(a, b uint64) uint64 { return recipe.Mix(a, b) }

// halfLife is the time in which what a user had counts half: a sixth of all time.
func (s *sequences) halfLife() float64 {
	if len(s.time) == 0 {
		return 1
	}
	return max(1, float64(slices.Max(s.time)-slices.Min(s.time))/6)
}
