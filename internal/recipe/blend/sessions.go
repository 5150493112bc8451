package blend

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// The shape of neighbours: whose sequences share the newest items of a history speaks for what stands near these.
const (
	postings   = 2500    // newest sequences that an item is found in
	neighbours = 500     // most alike of those found
	asked      = 20      // newest distinct items of the history that are looked for
	fadeAsked  = 4.0     // e^(−age/4) for the item at an age
	fadeNear   = 5.0     // e^(−distance/5) for what stands at a distance from the match
	nearby     = 15      // distance at which nothing is looked at any more
	mostEvents = 8 << 20 // events that are kept, of the newest sequences
)

// sessions are the users' sequences, the newest first, with an index by item.
//
// (Session-based neighbours with decays of order and recency: Ludewig and Jannach, 2018; Garg et al., 2019.)
type sessions struct {
	start []int64
	item  []int32 // of sequence s: item[start[s]:start[s+1]], oldest first

	weight []float32 // alongside item: how loudly the sequence speaks for it; nil for 1 each

	from []int64
	seq  []int32 // of item i: seq[from[i]:from[i+1]], ascending, so the newest first
	at   []int32 // alongside: the item's last place there

	crowd *crowd
}

// newSessions takes the newest sequences and indexes them. Without a sequence of two events there is nothing to find.
func newSessions(s *sequences) *sessions {
	var users []int32
	for u := range s.len() {
		if len(s.of(u)) > 1 {
			users = append(users, int32(u))
		}
	}
	ended := func(u int32) int64 { return s.time[s.start[u+1]-1] }
	slices.SortFunc(users, func(a, b int32) int {
		return cmp.Or(-cmp.Compare(ended(a), ended(b)), cmp.Compare(a, b))
	})
	n := &sessions{start: []int64{0}, from: make([]int64, s.n+1)}
	for _, u := range users {
		if len(n.item)+len(s.of(int(u))) > mostEvents {
			break
		}
		n.item = append(n.item, s.of(int(u))...)
		n.weight = append(n.weight, s.weights(int(u))...)
		n.start = append(n.start, int64(len(n.item)))
	}
	n.index(s.n)
	n.crowd = newCrowd(n)
	return n
}

func (n *sessions) len() int { return len(n.start) - 1 }

func (n *sessions) of(s int) []int32 { return n.item[n.start[s]:n.start[s+1]] }

// index lists the sequences of each of the items.
func (n *sessions) index(items int) {
	count := make([]int32, items)
	n.each(func(_, i, _ int32) { count[i] = min(count[i]+1, postings) })
	for i, c := range count {
		n.from[i+1] = n.from[i] + int64(c)
	}
	n.seq, n.at = make([]int32, n.from[items]), make([]int32, n.from[items])
	next := slices.Clone(n.from)
	n.each(func(s, i, at int32) {
		if next[i] < n.from[i+1] {
			n.seq[next[i]], n.at[next[i]] = s, at
			next[i]++
		}
	})
}

// each calls do for every distinct item of every sequence, with its last place.
func (n *sessions) each(do func(s, i, at int32)) {
	last := make([]int32, len(n.from)-1)
	for s := range n.len() {
		items := n.of(s)
		for k := len(items) - 1; k >= 0; k-- {
			if i := items[k]; last[i] != int32(s)+1 {
				last[i] = int32(s) + 1
				do(int32(s), i, int32(k))
			}
		}
	}
}

// A finder is scratch memory to find neighbours with: 8 bytes a sequence and 4 an item.
type finder struct {
	*sessions
	like  []float32
	match []int32 // place of the newest item shared
	found []int32
	best  topk.Heap
	near  [nearby]float32
	heard []int32 // by item: the turn it was last heard in
	turn  int32
}

func newFinder(n *sessions) *finder {
	f := &finder{sessions: n, like: make([]float32, n.len()), match: make([]int32, n.len()), heard: make([]int32, len(n.from)-1)}
	for d := range f.near {
		f.near[d] = float32(math.Exp(-float64(d) / fadeNear))
	}
	return f
}

// find calls do for what the neighbours of a history speak for: the item, how loudly, and whether it came after
// the match. A sequence that the history begins with is the user's own and does not speak.
func (f *finder) find(items []int32, do func(i int32, by float32, after bool)) {
	f.forget()
	f.ask(items)
	f.best.Reset(neighbours)
	for _, s := range f.found {
		f.best.Push(topk.Make(f.like[s], s))
	}
	for _, key := range f.best.Sorted() {
		s := key.Index()
		said := f.of(int(s))
		if len(said) <= len(items) && slices.Equal(said, items[:len(said)]) {
			continue
		}
		at := int(f.match[s])
		for p := max(0, at-nearby+1); p < min(len(said), at+nearby); p++ {
			do(said[p], key.Score()*f.near[max(p-at, at-p)]*f.worth(s, p), p > at)
		}
	}
}

// worth is the weight of a sequence's event at p.
func (n *sessions) worth(s int32, p int) float32 { return at(n.weight, int(n.start[s])+p) }

// ask looks the newest items up; the newest comes first, so that it makes the match.
func (f *finder) ask(items []int32) {
	for age := range min(asked, len(items)) {
		k := len(items) - 1 - age
		i := items[k]
		if slices.Contains(items[k+1:], i) {
			continue
		}
		by := float32(math.Exp(-float64(age) / fadeAsked))
		for p := f.from[i]; p < f.from[i+1]; p++ {
			s := f.seq[p]
			if f.like[s] == 0 {
				f.found = append(f.found, s)
				f.match[s] = f.at[p]
			}
			f.like[s] += by
		}
	}
}

// put writes the arrays of sessions, if there are any:
//
//	sessions.start  int64, sequence s is sessions.item[sessions.start[s]:sessions.start[s+1]], the newest sequence first
//	sessions.item   int32
//	sessions.weight float32, alongside: how loudly the sequence speaks for it; absent where all are 1
//	sessions.from   int64, item i is in sessions.seq[sessions.from[i]:sessions.from[i+1]]
//	sessions.seq    int32, ascending
//	sessions.at     int32, alongside: the item's last place there
func (n *sessions) put(w *artifact.Writer) error {
	if n == nil {
		return nil
	}
	if err := artifact.Put(w, "sessions.start", n.start); err != nil {
		return err
	}
	if err := artifact.Put(w, "sessions.item", n.item); err != nil {
		return err
	}
	if n.weight != nil {
		if err := artifact.Put(w, "sessions.weight", n.weight); err != nil {
			return err
		}
	}
	if err := artifact.Put(w, "sessions.from", n.from); err != nil {
		return err
	}
	if err := artifact.Put(w, "sessions.seq", n.seq); err != nil {
		return err
	}
	return artifact.Put(w, "sessions.at", n.at)
}

func getSessions(f *artifact.File, items int) (*sessions, error) {
	n := &sessions{}
	var err error
	if n.start, err = artifact.Get[int64](f, "sessions.start"); err != nil {
		return nil, err
	}
	if n.item, err = artifact.Get[int32](f, "sessions.item"); err != nil {
		return nil, err
	}
	if f.Has("sessions.weight") {
		if n.weight, err = artifact.Get[float32](f, "sessions.weight"); err != nil {
			return nil, err
		}
		if len(n.weight) != len(n.item) {
			return nil, fmt.Errorf("the sessions have %d weights for %d events", len(n.weight), len(n.item))
		}
	}
	if n.from, err = artifact.Get[int64](f, "sessions.from"); err != nil {
		return nil, err
	}
	if n.seq, err = artifact.Get[int32](f, "sessions.seq"); err != nil {
		return nil, err
	}
	if n.at, err = artifact.Get[int32](f, "sessions.at"); err != nil {
		return nil, err
	}
	if len(n.from) != items+1 || n.from[items] != int64(len(n.seq)) || len(n.seq) != len(n.at) ||
		len(n.start) == 0 || n.start[len(n.start)-1] != int64(len(n.item)) {
		return nil, fmt.Errorf("the sessions do not fit %d items", items)
	}
	n.crowd = newCrowd(n)
	return n, nil
}
