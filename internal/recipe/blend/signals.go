package blend

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// The voices are sums over a history of what a family lists for its items; they differ in how the past
// fades. Age counts events, 0 for the newest.
const (
	nextVoice     = iota // transitions of the last 10, e^(−age/2), averaged
	forwardVoice         // forward of the last 20, e^(−age/4), as it was trained
	tasteVoice           // together, all alike
	phaseVoice           // together, half-life 20
	moodVoice            // together, half-life 4
	afterVoice           // what came after in alike sequences
	aroundVoice          // what stands around in alike sequences, before or after
	spectrumVoice        // learned.spectrum of all of the history
	contentVoice         // learned.content: how like the item's metadata is to that of the history's
	alikeVoice           // what those have who share most with all of the history
	vectorVoice          // learned.vectors of all of the history
	voices
)

// The signals are what the logit of an item is linear in. Each voice gives two: v/level, and
// log(1 + 30·v/level), since what is seldom heard of counts for more than in proportion. The level of what goes
// together is that of the history's loudest item, since such sums grow with the history; of what follows
// it is the mean over histories, since there being loud means being sure.
const (
	popularSignal  = 2*voices + iota // log(users+1)
	trendingSignal                   // log(newest events+1)
	hadSignal                        // 1 if the user had the item
	oftenSignal                      // log(how often)
	lateSignal                       // 2^(−age/3) of its last event
	longSignal                       // 2^(−age/50)
	networkSignal                    // the network's logit
	againSignal                      // 1 for the newest item, unless the one before was the same
	countSignal                      // log of how often, each time fading by learned.halfLife
	ownerSignal                      // hadSignal · log(different items the user had)
	signals
)

const sharpness = 30

// voiceFamily is whose lists the voices before afterVoice sum.
var voiceFamily = [afterVoice]int{transitions, forward, together, together, together}

// usable says which signals count: without recency those that know no order.
func usable(recency bool) (use [signals]bool) {
	for k := range use {
		use[k] = recency
	}
	for _, v := range []int{tasteVoice, spectrumVoice, contentVoice, alikeVoice, vectorVoice} {
		use[2*v], use[2*v+1] = true, true
	}
	for _, k := range []int{popularSignal, hadSignal, oftenSignal, ownerSignal} {
		use[k] = true
	}
	return use
}

// prior are the weights before anything is known, and where there is too little to learn them from.
func prior(recency bool) (w [signals]float64) {
	w[2*tasteVoice+1] = 0.5
	w[popularSignal] = 0.2
	if recency {
		w[2*nextVoice+1], w[2*forwardVoice+1] = 0.3, 0.3
	}
	return w
}

// A listener is scratch memory for one history at a time: 61 bytes an item and 8 a sequence of learned.sessions.
type listener struct {
	learned *learned
	recency bool

	sum     [][voices]float32
	age     []int32 // of the last event of a history's item, from 1; 0 for other items
	often   []int32
	count   []float32 // of the events of a history's item, each fading by time
	seen    []bool
	loudest [voices]float32
	touched []int32   // the items whose sum or age is set, each once
	kinds   float64   // different items in the history
	again   int32     // againSignal's item, or -1
	finder  *finder   // nil without sessions
	mine    []int32   // the different items of the history, ascending
	state   []float32 // of the spectrum: the sum over the history's items
	profile profile
	ear     ear
	teller  *teller // nil without vectors
	best    topk.Heap
}

func newListener(l *learned, recency bool) *listener {
	n := len(l.order)
	w := &listener{learned: l, recency: recency, sum: make([][voices]float32, n),
		age: make([]int32, n), often: make([]int32, n), count: make([]float32, n), seen: make([]bool, n), profile: newProfile(l.content)}
	if l.spectrum != nil {
		w.state = make([]float32, l.spectrum.width)
	}
	if l.vectors != nil {
		w.teller = newTeller(l.vectors)
	}
	if l.sessions != nil {
		w.finder = newFinder(l.sessions)
	}
	return w
}

func (w *listener) touch(i int32) {
	if !w.seen[i] {
		w.seen[i] = true
		w.touched = append(w.touched, i)
	}
}

func (w *listener) reset() {
	for _, i := range w.touched {
		w.sum[i], w.age[i], w.often[i], w.count[i], w.seen[i] = [voices]float32{}, 0, 0, 0, false
	}
	w.touched = w.touched[:0]
	w.loudest, w.kinds, w.again = [voices]float32{}, 0, -1
	clear(w.state)
	w.profile.reset()
}

// listen sums up what a history, oldest first, says of items. Times may be nil.
func (w *listener) listen(items []int32, times []int64) {
	w.reset()
	history := items
	items, times = newest(items), times[max(0, len(times)-longest):]
	if n := len(items); n > 0 && (n == 1 || items[n-1] != items[n-2]) {
		w.again = items[n-1]
	}
	if w.recency {
		w.remember(items, times)
		w.ask(history, items)
	} else { // sums then come out the same to the last bit in whatever order things were
		items = slices.Sorted(slices.Values(items))
	}
	for age := range items {
		i := items[len(items)-1-age]
		if w.often[i]++; w.age[i] == 0 {
			w.kinds++
			w.touch(i)
			w.age[i] = int32(age + 1)
			w.taste(i, age)
			w.profile.add(i, age, w.recency)
		}
	}
	w.hearAlike()
	w.hearVectors(items)
	w.touchUnmet()
	for _, i := range w.touched {
		w.sum[i][spectrumVoice], w.sum[i][contentVoice] = w.spectral(i), w.profile.likeness(i)
		for v, s := range w.sum[i] {
			if v != vectorVoice || w.age[i] == 0 {
				w.loudest[v] = max(w.loudest[v], s)
			}
		}
	}
}

// touchUnmet has the items scored that few users have met, so that they are in order of what they say of themselves.
func (w *listener) touchUnmet() {
	if c := w.learned.content; c != nil {
		for _, i := range c.unmet {
			w.touch(i)
		}
	}
}

// remember counts the events by time, and adds what follows them.
func (w *listener) remember(items []int32, times []int64) {
	var near float32 // weight of nextVoice in all
	for age := range min(nextReach, len(items)) {
		near += nextWeight(age)
	}
	for age := range items {
		i := items[len(items)-1-age]
		w.touch(i)
		w.order(i, age, near)
		if newest := len(times) - 1; newest >= 0 {
			past := float64(times[newest] - times[newest-age])
			w.count[i] += float32(math.Exp2(-past / w.learned.halfLife))
		}
	}
}

// ask asks the network, which looks at all of a history, and the neighbours.
func (w *listener) ask(history, items []int32) {
	if n := w.learned.network; n != nil {
		w.ear.hear(context.Background(), n, history) // never cancelled, so it does not fail
		for _, i := range w.ear.likely {
			w.touch(i)
		}
	}
	if w.finder == nil || !w.learned.want.sessions {
		return
	}
	w.finder.find(items, func(i int32, by float32, after bool) {
		w.touch(i)
		if after {
			w.sum[i][afterVoice] += by
		}
		w.sum[i][aroundVoice] += by
	})
}

const nextReach = 10

func nextWeight(age int) float32 { return float32(math.Exp(-float64(age) / 2)) }

// order adds what follows item i at an age.
func (w *listener) order(i int32, age int, near float32) {
	if age < nextReach {
		js, vs := w.learned.families[transitions].of(i)
		by := nextWeight(age) / near
		for k, j := range js {
			w.touch(j)
			w.sum[j][nextVoice] += by * vs[k]
		}
	}
	if age < window {
		js, vs := w.learned.families[forward].of(i)
		by := float32(math.Exp(-float64(age) / fade))
		for k, j := range js {
			w.touch(j)
			w.sum[j][forwardVoice] += by * vs[k]
		}
	}
}

// spectral is what the spectrum says of item i.
func (w *listener) spectral(i int32) float32 {
	if w.learned.spectrum == nil {
		return 0
	}
	return f32.Dot(w.state, w.learned.spectrum.of(i))
}

// hearAlike adds what those have who share most with the history.
func (w *listener) hearAlike() {
	if w.finder == nil || !w.learned.want.alike {
		return
	}
	w.mine = w.mine[:0]
	for _, i := range w.touched {
		if w.age[i] > 0 {
			w.mine = append(w.mine, i)
		}
	}
	slices.Sort(w.mine) // so that sums do not depend on the order of a history
	w.finder.findAlike(w.mine, w.age, func(i int32, by float32) {
		w.touch(i)
		w.sum[i][alikeVoice] += by
	})
}

// expect says which histories will be listened to next, which is faster then. It fails only when ctx is cancelled.
func (w *listener) expect(ctx context.Context, queries []recipe.Query) error {
	if w.teller == nil {
		return nil
	}
	histories := make([][]int32, len(queries))
	for k := range queries {
		histories[k] = newest(queries[k].Items)
	}
	return w.teller.expect(ctx, histories...)
}

// newest are the events of a history that are looked at.
func newest(items []int32) []int32 { return items[max(0, len(items)-longest):] }

// hearVectors adds what the vectors say of the items that they speak loudest for; of others they say nothing.
func (w *listener) hearVectors(items []int32) {
	if w.teller == nil {
		return
	}
	if !w.teller.next() {
		w.teller.expect(context.Background(), items) // never cancelled, so it does not fail
		w.teller.next()
	}
	for _, key := range w.teller.loud() {
		w.touch(key.Index())
		w.sum[key.Index()][vectorVoice] = key.Score()
	}
}

// vectorsOf adds what the vectors say of some items, however little.
func (w *listener) vectorsOf(items []int32) {
	if w.teller == nil {
		return
	}
	for _, i := range items {
		w.touch(i)
		w.sum[i][vectorVoice] = w.teller.product(i)
	}
}

// taste adds what goes together with item i.
func (w *listener) taste(i int32, age int) {
	if s := w.learned.spectrum; s != nil {
		f32.Axpy(s.share[i], s.of(i), w.state)
	}
	js, vs := w.learned.families[together].of(i)
	phase, mood := float32(math.Exp2(-float64(age)/20)), float32(math.Exp2(-float64(age)/4))
	for k, j := range js {
		w.touch(j)
		s := &w.sum[j]
		s[tasteVoice] += vs[k]
		s[phaseVoice] += phase * vs[k]
		s[moodVoice] += mood * vs[k]
	}
}

// signals sets x to the signals of item i.
func (w *listener) signals(i int32, level *[voices]float64, x *[signals]float64) {
	*x = [signals]float64{}
	scale := w.by(level)
	for v, s := range w.sum[i] {
		if s == 0 {
			s = w.unheard(v, i)
		}
		at := float64(s) * scale[v]
		x[2*v] = at
		if at > 0 {
			x[2*v+1] = math.Log1p(sharpness * at)
		}
	}
	x[popularSignal] = float64(w.learned.popular[i])
	x[trendingSignal] = float64(w.learned.trending[i])
	if w.age[i] > 0 {
		w.own(i, x)
	}
	if n := w.learned.network; n != nil && w.recency {
		x[networkSignal] = float64(w.ear.logit(n, i))
	}
}

// by is what the voices are multiplied by.
func (w *listener) by(level *[voices]float64) (scale [voices]float64) {
	for v := range scale {
		scale[v] = 1 / level[v]
		if v >= tasteVoice && w.loudest[v] > 0 {
			scale[v] = 1 / float64(w.loudest[v])
		}
	}
	return scale
}

// unheard is what a voice says of an item that is looked at without anything but this speaking of it.
func (w *listener) unheard(voice int, i int32) float32 {
	switch voice {
	case spectrumVoice:
		return w.spectral(i)
	case contentVoice:
		return w.profile.likeness(i)
	}
	return 0
}

// own sets the signals of an item that the user had.
func (w *listener) own(i int32, x *[signals]float64) {
	late := float64(w.age[i] - 1)
	x[hadSignal] = 1
	x[oftenSignal] = math.Log(float64(w.often[i]))
	x[lateSignal] = math.Exp2(-late / 3)
	x[longSignal] = math.Exp2(-late / 50)
	x[ownerSignal] = math.Log(w.kinds)
	if w.count[i] > 0 {
		x[countSignal] = max(-8, math.Log(float64(w.count[i])))
	}
	if i == w.again {
		x[againSignal] = 1
	}
}
