package topk

import (
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/bitset"
)

// A Job is one user's scan. An item's score is f32.Score(vector, row) + weight·bias.
type Job struct {
	Allow *bitset.Set // items to consider, nil for all
	Skip  []int32     // distinct items not to consider, in any order
	Best  Heap        // Reset by the caller

	// Sum is about that of exp(score − Shift) over all considered items, see Scan, which sets both. Shift is 0
	// unless the best score is far from 0.
	Sum, Shift float64

	weight float32
	wide   []float64 // the vector
	norm   float64   // its length, rounded up
	skip   []int32   // places, ascending
	end    bool      // no item that is left can be among the best
	user   [2]user   // of one digit and of two
	floor  Key       // what a newcomer has to exceed: the last of some K that were found, 0 while there are fewer
	keys   []Key     // of what was found above the floor of its time
	kept   int       // of keys, when the floor was raised
	ahead  int       // of skip: those before have been passed
	placed []uint32  // Allow by places
	moment moment
	sumEnd int // the panel from which on the sum does not look at items
}

// Set makes j a scan for a vector of the length of a row and a weight of the bias. It refuses what NewMatrix
// refuses.
func (j *Job) Set(vector []float32, weight float32) error {
	j.wide, j.weight = j.wide[:0], weight
	for _, x := range vector {
		j.wide = append(j.wide, float64(x))
	}
	norm := length(vector)
	if !(norm <= MaxNorm) {
		return fmt.Errorf("a user's vector has length %v, want at most %v", norm, MaxNorm)
	}
	if !(math.Abs(float64(weight)) <= MaxNorm) {
		return fmt.Errorf("a user's weight of the bias is %v, want at most %v either way", weight, MaxNorm)
	}
	j.norm = up(norm)
	return nil
}

// A user is u' of a packed matrix as integers (see packed.go), and what limits are made of.
//
// With u' = s·(q + ru) and v' = s'·(q' + rv),
//
//	u'·v' = s·s'·(q·q' + ru·v'/s' + q·rv),  off from s·s'·q·q' by at most s·s'·(|ru|·|v'|/s' + |q|·|rv|)
//
// by Cauchy and Schwarz. With ε = 2⁻²⁴, a score rounds once to float64, which is far less than ε, then u·v and
// w·b to float32, and their sum: 2ε of |u·v| + |w·b|, which |u'|·|v'| bounds. 8ε leaves room for higher orders.
// What underflows is less than 2⁻¹⁴⁷. So no item's score reaches t unless
//
//	q·q' ≥ (t − 2⁻¹⁴⁷)/(s·s') − (|ru| + 8ε·|u'|/s)·|v'|/s' − |q|·|rv|
//
// The kernels compute the right side as x·pars[0] − y·pars[1] − z·pars[2] in float32. Every x is a 2⁻²⁰th part of
// itself too small, every y and z too large, which is more than three roundings of each product take; and slack
// is more than the roundings of the differences and of the result can be, where the result is no more than
// twice what q·q' can be. Beyond that they change nothing.
//
// Of the products of a panel, find may see those of the head alone: with q and q' parted in two,
//
//	q·q' ≤ q₁·q₁' + |q₂|·|q₂'|
//
// so a panel is done with where no q₁·q₁' reaches its limit less rest·pars[4], rounded up.
type user struct {
	ints  []int8  // per group and digit: four
	scale float64 // s·unit
	y, z  float32
	base  int32
	unit  float32 // s·unit, in units of log 2

	rest     float32 // |q₂|
	headBase int32   // base of q₁
}

// pack makes integers of j's vector for a packed matrix: of one digit, from −127 to 127, or two, from −16,256 to
// 16,256, or less if sums of products could leave an int32. row is scratch of p.groups·groupDims.
func (j *Job) pack(p *packed, row []float64, digits int) {
	clear(row)
	copy(row, j.wide[:p.dims])
	if p.biased {
		for k := range groupDims {
			row[len(row)-1-k] = float64(j.weight) / (4 * p.parts)
		}
	}
	largest, norm := 0.0, 0.0
	for _, x := range row {
		largest = max(largest, math.Abs(x))
		norm += x * x
	}
	v := &j.user[digits-1]
	size := len(row) * digits
	*v = user{ints: slices.Grow(v.ints[:0], size)[:size], scale: p.unit}
	clear(v.ints)
	if largest == 0 {
		return
	}
	top := 127.
	if digits == 2 {
		top = min(127*128, float64(mostSum/(127*len(row))))
	}
	scale := largest / top
	var near, rest, behind float64
	for k, x := range row {
		x /= scale
		q := min(max(math.RoundToEven(x), -top), top)
		near += q * q
		rest += (x - q) * (x - q)
		v.base += 128 * int32(q)
		if k < p.head*groupDims {
			v.headBase += 128 * int32(q)
		} else {
			behind += q * q
		}
		v.put(k, digits, int32(q))
	}
	const rounding = 8 * 0x1p-24
	v.scale = scale * p.unit
	v.y = float32(up(math.Sqrt(rest) + rounding*math.Sqrt(norm)/scale))
	v.z = float32(up(math.Sqrt(near)))
	v.rest = float32(up(math.Sqrt(behind)))
	v.unit = float32(min(v.scale*math.Log2E, math.MaxFloat32))
}

// put stores the integer of a dimension.
func (v *user) put(k, digits int, q int32) {
	at := k/groupDims*groupDims*digits + k%groupDims
	if digits == 2 {
		high := (q + 64) >> 7
		v.ints[at] = int8(high)
		q -= high << 7
		at += groupDims
	}
	v.ints[at] = int8(q)
}

// x returns what makes items hit that could be among the best.
func (j *Job) x(digits int) float32 {
	if j.Best.k == 0 || j.end {
		return never
	}
	if j.floor == 0 {
		return -never
	}
	x := (float64(j.floor.Score()) - 0x1p-147) / j.user[digits-1].scale
	x -= math.Abs(x) * 0x1p-20
	return float32(min(max(x, -never), never))
}

// due says that enough has been found for raise to be worth its time. Until then some more is found than need be.
func (j *Job) due() bool { return len(j.keys) >= j.kept+max(4, j.Best.k/2) }

// raise drops of what was found nearly all that is not among the best K, and raises the floor.
//
// At every time K of the keys are not below the floor, which only rises. So the best K of all items are not below the
// last floor, nor any before it: their panels find them, see user, and nothing drops them.
func (j *Job) raise() {
	k := j.Best.k
	if len(j.keys) < k {
		return
	}
	if len(j.keys) <= few || j.floor == 0 {
		j.trim()
		return
	}
	j.floor = max(j.floor, threshold(j.keys, k, j.floor.Score(), slices.Max(j.keys).Score()))
	kept := j.keys[:0]
	for _, key := range j.keys {
		if key >= j.floor {
			kept = append(kept, key)
		}
	}
	j.keys, j.kept = kept, len(kept)
	if j.kept > 2*k+few { // most of them equal
		j.trim()
	}
}

// trim drops all but the best, and raises the floor to the last of them.
func (j *Job) trim() {
	k := j.Best.k
	if len(j.keys) < k || k == 0 {
		return
	}
	choose(j.keys, k)
	j.keys, j.kept = j.keys[:k], k
	j.floor = slices.Min(j.keys)
}

// done reports that no item of a panel, nor of those after it, can be among the best.
func (j *Job) done(p *packed, panel int) bool {
	if j.Best.k == 0 || j.floor == 0 {
		return j.Best.k == 0
	}
	// Cauchy and Schwarz; a score rounds as above.
	most := (j.norm*p.norms[panel] + math.Abs(float64(j.weight))*p.later[panel]) * (1 + 8*0x1p-24)
	return most+0x1p-147 < float64(j.floor.Score())
}

// reach is roughly the length of vector at which a job ends.
func (j *Job) reach() float64 {
	if j.floor == 0 || j.norm == 0 || j.Best.k == 0 {
		return 0
	}
	return float64(j.floor.Score()) / j.norm
}

// coarse is what the kernels of sum add for the item at a place.
func (j *Job) coarse(p *packed, place int32) float32 {
	v := &j.user[1]
	panel, at := int(place)/panelItems, int(place)%panelItems*groupDims
	sum := int32(0)
	for g := range p.groups {
		item := (*[groupDims]uint8)(p.four(panel, g)[at:])
		q := (*[2 * groupDims]int8)(v.ints[2*groupDims*g:])
		for k, b := range item {
			sum += int32(b) * (int32(q[k])<<7 + int32(q[groupDims+k]))
		}
	}
	return exp2(float32(float32(sum-v.base)*float32(v.unit*p.pars[panel][3])) - float32(j.Shift*math.Log2E))
}
