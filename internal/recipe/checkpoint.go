package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
)

// A Checkpoint is a file in which a training keeps how far it is, for the same training to go on from after a crash.
// Nil keeps nothing. It is for one goroutine.
type Checkpoint struct {
	path  string
	every time.Duration
	last  time.Time
}

// NewCheckpoint returns one that is written at most once in every.
func NewCheckpoint(path string, every time.Duration) *Checkpoint {
	return &Checkpoint{path: path, every: every, last: time.Now()}
}

// keptState is the meta document of a checkpoint.
type keptState struct {
	Key   string // of what the training is about
	State json.RawMessage
}

// Save replaces the file by state and what put writes, if it is time. key stands for all that the training is
// about: its data, its parameters and its seed.
func (c *Checkpoint) Save(key string, state any, put func(*artifact.Writer) error) error {
	if c == nil || time.Since(c.last) < c.every {
		return nil
	}
	b, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	w, err := artifact.Create(c.path)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer w.Discard()
	if err := errors.Join(w.Meta(keptState{Key: key, State: b}), put(w)); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	c.last = time.Now()
	return nil
}

// Load sets state to what was saved with key, and hands the file to get, which must copy what it takes. It reports
// whether it did: a file that is not there, is damaged, or is of another training is none.
func (c *Checkpoint) Load(key string, state any, get func(*artifact.File) error) bool {
	if c == nil {
		return false
	}
	f, err := artifact.Open(c.path)
	if err != nil {
		return false
	}
	defer f.Close()
	var k keptState
	return f.Verify() == nil && f.Meta(&k) == nil && k.Key == key && json.Unmarshal(k.State, state) == nil && get(f) == nil
}

// Remove deletes the file: the training is over.
func (c *Checkpoint) Remove() error {
	if c == nil {
		return nil
	}
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
