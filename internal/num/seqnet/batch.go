package seqnet

// A span is a window of a sequence: the events lo..hi-1 of user u are read, lo+1..hi told.
type span struct{ user, lo, hi int32 }

// spans cuts every sequence into windows. The newest is whole; where the older ones begin changes with the
// round, so that no event is always the first of its window.
func spans(s *Sequences, window int, seed, round uint64) []span {
	var out []span
	for u := range s.len() {
		told := len(s.of(u)) - 1
		lo := max(0, told-window)
		if told > 0 {
			out = append(out, span{int32(u), int32(lo), int32(told)})
		}
		phase := int(mix(mix(seed+round)^uint64(u)) % uint64(window))
		for hi := lo; hi > 0; {
			lo = max(0, hi-window)
			if hi == told-window {
				lo = max(0, hi-1-phase)
			}
			out = append(out, span{int32(u), int32(lo), int32(hi)})
			hi = lo
		}
	}
	return out
}

// A feed hands out batches of windows, every round in another order.
type feed struct {
	sequences *Sequences
	window    int
	seed      uint64
	round     uint64
	left      []span
}

// next returns windows with at least so many events, fewer windows only if the sequences have none.
func (f *feed) next(events int, batch []span) []span {
	batch = batch[:0]
	for got := 0; got < events; {
		if len(f.left) == 0 {
			f.refill()
		}
		if len(f.left) == 0 {
			break
		}
		s := f.left[len(f.left)-1]
		f.left = f.left[:len(f.left)-1]
		batch = append(batch, s)
		got += int(s.hi - s.lo)
	}
	return batch
}

func (f *feed) refill() {
	f.left = spans(f.sequences, f.window, f.seed, f.round)
	r := newRandom(f.seed, f.round, 1)
	for k := len(f.left) - 1; k > 0; k-- {
		j := r.below(k + 1)
		f.left[k], f.left[j] = f.left[j], f.left[k]
	}
	f.round++
}
