package factors

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A stage is how far a training is, beside its factors.
type stage struct {
	Tuned      bool
	Calibrated bool
	Halves     int // half sweeps since the search for settings, or since the calibration
	Settings   settings

	key       string
	t         recipe.Training
	scattered bool          // the order of events says nothing
	network   *seqnet.Model // once calibrated, or nil for none
}

// encoders are those to choose from.
func (at *stage) encoders(p params) []encoder {
	return candidates(p.recency && !at.scattered, p.window)
}

// begin returns the stage at which an interrupted training of the same matrix, parameters and seed was when its
// checkpoint was written, with its factors in f; or the very first.
func begin(t recipe.Training, m *als.Sparse, s settings, f *als.Factors) *stage {
	at := &stage{Settings: s, t: t, key: key(t, m, s)}
	if t.Checkpoint == nil {
		return at
	}
	saved := stage{}
	found := t.Checkpoint.Load(at.key, &saved, func(file *artifact.File) error {
		network, err := getNetwork(file, saved.Settings.Network)
		if err != nil {
			return err
		}
		rows, err := artifact.Get[float32](file, "rows")
		if err != nil {
			return err
		}
		cols, err := artifact.Get[float32](file, "cols")
		if err != nil {
			return err
		}
		if len(rows) != len(f.Rows) || len(cols) != len(f.Cols) {
			return fmt.Errorf("checkpoint of %d and %d numbers, want %d and %d", len(rows), len(cols), len(f.Rows), len(f.Cols))
		}
		copy(f.Rows, rows)
		copy(f.Cols, cols)
		if network != nil {
			at.network, err = seqnet.Of(network.Shape(), slices.Clone(network.Params()), slices.Clone(network.Vectors()))
		}
		return err
	})
	if found {
		at.Tuned, at.Calibrated, at.Halves, at.Settings = saved.Tuned, saved.Calibrated, saved.Halves, saved.Settings
		t.Log.Info("going on from a checkpoint", "tuned", at.Tuned, "calibrated", at.Calibrated, "half sweeps", at.Halves)
	}
	return at
}

// kept has the factors saved after each half sweep of c, which begins where the stage is. A checkpoint that cannot be
// written costs no more than the time to learn again. The training of a network is not kept half way.
func (at *stage) kept(c als.Config) als.Config {
	c.Halves = at.Halves
	if at.t.Checkpoint == nil {
		return c
	}
	c.Checkpoint = func(halves int, f *als.Factors) error {
		at.Halves = halves
		at.save(f)
		return nil
	}
	return c
}

// save writes the checkpoint, if it is time.
func (at *stage) save(f *als.Factors) {
	err := at.t.Checkpoint.Save(at.key, at, func(w *artifact.Writer) error {
		if err := artifact.Put(w, "rows", f.Rows); err != nil {
			return err
		}
		if err := artifact.Put(w, "cols", f.Cols); err != nil {
			return err
		}
		return putNetwork(w, at.network)
	})
	if err != nil {
		at.t.Log.Warn("no checkpoint", "error", err)
	}
}

// key is a hash of all that the factors depend on. It reads the matrix once.
func key(t recipe.Training, m *als.Sparse, s settings) string {
	if t.Checkpoint == nil {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%+v %d %d %d %d %d\n", s, t.Seed, m.Rows, m.Cols, sweeps, finalSweeps)
	fmt.Fprintln(h, start, legs, firstSweeps, mostMoves, mostPairs, mostTuned, steps, gainDepth)
	for _, name := range slices.Sorted(maps.Keys(t.Params)) {
		fmt.Fprintf(h, "%s=%s\n", name, t.Params[name])
	}
	writeNumbers(h, m.Start)
	writeNumbers(h, m.Col)
	writeNumbers(h, m.Weight)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// writeNumbers writes numbers in parts of a few kilobytes. A hash takes everything without an error.
func writeNumbers[T int32 | int64 | float32](h hash.Hash, numbers []T) {
	for part := range slices.Chunk(numbers, 1<<13) {
		_ = binary.Write(h, binary.LittleEndian, part)
	}
}
