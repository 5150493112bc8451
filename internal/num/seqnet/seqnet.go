// Package seqnet learns what comes next in sequences of items: a transformer or a recurrent network whose
// state after an item, times the vectors of all items, gives the logits of the next one.
//
// The vectors of the items are at the same time what the network reads and what its states are multiplied
// with, so a state ranks a catalogue as a user's factors do. New events change the state and need no
// training.
//
// The files follow a training: batch.go (windows of sequences), work.go (memory of a packed batch),
// layers.go, attention.go, transformer.go and recurrent.go (forward and backward steps), output.go (the
// softmax over items), adam.go (the optimiser), train.go (the loop), model.go (answers, files).
package seqnet

import (
	"errors"
	"fmt"
)

// Sequences are users' events, oldest first: those of user u are Item[Start[u]:Start[u+1]].
type Sequences struct {
	Items  int // how many there are; Item holds indexes below it
	Start  []int64
	Item   []int32
	Weight []float32 // alongside Item: how much it counts to tell this event; nil for 1 each
}

func (s *Sequences) len() int         { return max(0, len(s.Start)-1) }
func (s *Sequences) of(u int) []int32 { return s.Item[s.Start[u]:s.Start[u+1]] }
func (s *Sequences) weight(at int64) float32 {
	if s.Weight == nil {
		return 1
	}
	return s.Weight[at]
}

// A Kind is a form of network.
type Kind string

const (
	Transformer Kind = "transformer"
	Recurrent   Kind = "recurrent"
)

// A Shape is what a network looks like; 0 stands for a field's default.
type Shape struct {
	Kind   Kind
	Width  int // of vectors and states; 64
	Layers int // 2 of a transformer, 1 of a recurrent network
	Heads  int // of a transformer; 2; Width is a multiple
	Hidden int // inside a transformer's layer, 2·Width; or the state of a recurrent network, Width
	Window int // events that are looked back at; 100
}

// Options are what a network looks like and how it is trained; 0 stands for a field's default, where it has one.
type Options struct {
	Shape
	Dropout float32 // chance of a number to be left out, below 0.95

	Rate       float32 // of Adam at its highest; 0.002
	Events     int64   // to learn from in all, with repetitions
	Batch      int     // events a step; 4096
	Candidates int     // items a step's softmax is over, about; 1024
	Seed       uint64
	Threads    int // the result does not depend on it

	// Tests are held back from training. If there are any, the network is that of the check that told them best,
	// and training ends after Patience checks without a better one.
	Tests    []Test
	Checks   int // how often, evenly; 10
	Patience int // 3

	Progress func(Report)
}

// A Test is what came after a history.
type Test struct {
	History []int32
	Next    int32
}

// A Report says how a training stands.
type Report struct {
	Step, Steps int
	Loss        float64 // nats an event, of the steps since the last report
	Held        float64 // nats a test; 0 without tests
	State       *Model  // as of now; valid during the call
}

// set gives fields that are 0 their default.
func set[T int | float32](field *T, otherwise T) {
	if *field == 0 {
		*field = otherwise
	}
}

func (s *Shape) fill() error {
	if s.Kind == "" {
		s.Kind = Transformer
	}
	set(&s.Width, 64)
	if s.Kind == Recurrent {
		set(&s.Layers, 1)
		set(&s.Heads, 1)
		set(&s.Hidden, s.Width)
	}
	set(&s.Layers, 2)
	set(&s.Heads, 2)
	set(&s.Hidden, 2*s.Width)
	set(&s.Window, 100)
	switch {
	case s.Kind != Transformer && s.Kind != Recurrent:
		return fmt.Errorf("kind of network %q, want %s or %s", s.Kind, Transformer, Recurrent)
	case s.Width < 1 || s.Heads < 1 || s.Width%s.Heads != 0:
		return fmt.Errorf("width %d of a network with %d heads, want a multiple", s.Width, s.Heads)
	case s.Layers < 1 || s.Hidden < 1 || s.Window < 1:
		return fmt.Errorf("network of %d layers of %d with window %d, want at least 1 of each", s.Layers, s.Hidden, s.Window)
	}
	return nil
}

func (o *Options) fill() error {
	set(&o.Rate, 0.002)
	set(&o.Batch, 4096)
	set(&o.Candidates, 1024)
	set(&o.Checks, 10)
	set(&o.Patience, 3)
	set(&o.Threads, 1)
	switch {
	case o.Batch < 1 || o.Candidates < 1 || o.Checks < 1 || o.Events < 0:
		return fmt.Errorf("training on %d events, %d a step, with %d candidates and %d checks, want no fewer than 1", o.Events, o.Batch, o.Candidates, o.Checks)
	case !(o.Dropout >= 0 && o.Dropout < 0.95) || !(o.Rate > 0):
		return fmt.Errorf("dropout %v and rate %v, want 0 ≤ dropout < 0.95 and a positive rate", o.Dropout, o.Rate)
	}
	return o.Shape.fill()
}

// ErrDiverged is what a training ends with whose numbers have left what can be computed with.
var ErrDiverged = errors.New("training diverged")
