package factors

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// A training that was cut off after any sweep, and begins again, makes the model of one that never was: byte for byte.
func TestTrainingGoesOn(t *testing.T) {
	d, _ := recipetest.Tastes()
	whole, err := run(t, d, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut <= sweeps+finalSweeps; cut++ {
		path := filepath.Join(t.TempDir(), "checkpoint")
		if _, err := run(t, d, recipe.NewCheckpoint(path, 0), cut); !errors.Is(err, context.Canceled) {
			t.Fatalf("training that is cut off after sweep %d ends with %v", cut, err)
		}
		first := 0
		again, err := run(t, d, recipe.NewCheckpoint(path, 0), 0, func(done int) {
			if first == 0 {
				first = done
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if cut < sweeps+finalSweeps && first != cut+1 {
			t.Errorf("cut off after sweep %d, the training goes on with sweep %d", cut, first)
		}
		if !bytes.Equal(again, whole) {
			t.Errorf("the model of a training that was cut off after sweep %d differs", cut)
		}
	}
}

// A search for settings that was cut off begins again, and one that was not is not repeated.
func TestSearchGoesOn(t *testing.T) {
	d, _ := recipetest.Tastes()
	stages := func(c *recipe.Checkpoint, stage string, cut int) (seen map[string]int, model []byte, err error) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		o := order(t, d)
		o.Checkpoint, seen = c, map[string]int{}
		o.Progress = func(s string, done, _ int) {
			seen[s]++
			if s == stage && done == cut {
				cancel()
			}
		}
		model, err = learn(ctx, t, o)
		return seen, model, err
	}
	all, whole, err := stages(nil, "", 0)
	if err != nil || all["settings"] < 2*len(legs) || all["settings"] > mostTries {
		t.Fatalf("a training tells of %v and ends with %v; want %d to %d tries of settings", all, err, 2*len(legs), mostTries)
	}
	for _, c := range []struct {
		stage string
		cut   int
		tries int // once more
	}{{"settings", 1, all["settings"]}, {"settings", all["settings"] - 1, all["settings"]}, {"factors", 1, 0}, {"factors", sweeps, 0}} {
		path := filepath.Join(t.TempDir(), "checkpoint")
		if _, _, err := stages(recipe.NewCheckpoint(path, 0), c.stage, c.cut); !errors.Is(err, context.Canceled) {
			t.Fatalf("training that is cut off at %v ends with %v", c, err)
		}
		seen, again, err := stages(recipe.NewCheckpoint(path, 0), "", 0)
		if err != nil || seen["settings"] != c.tries || !bytes.Equal(again, whole) {
			t.Errorf("cut off at %v, the training has %d tries more and ends with %v, with the same model: %v; want %d", c, seen["settings"], err, bytes.Equal(again, whole), c.tries)
		}
	}
}

// What was kept is of no use to a training of other data, of another seed, or with other parameters.
func TestCheckpointIsOfOneTraining(t *testing.T) {
	d, _ := recipetest.Tastes()
	path := filepath.Join(t.TempDir(), "checkpoint")
	if _, err := run(t, d, recipe.NewCheckpoint(path, 0), 3); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*recipe.Training){
		"seed":       func(o *recipe.Training) { o.Seed++ },
		"parameters": func(o *recipe.Training) { o.Params["hidden_dimension"] = "33" },
		"data": func(o *recipe.Training) {
			other := *o.Data
			other.Item = append([]int32(nil), other.Item...)
			other.Item[0], other.Item[1] = other.Item[1], other.Item[0]
			other.Item[2] = 39
			o.Data = &other
		},
	} {
		var log strings.Builder
		o := order(t, d)
		o.Log, o.Checkpoint = slog.New(slog.NewTextHandler(&log, nil)), recipe.NewCheckpoint(path, 0)
		change(&o)
		if _, err := learn(context.Background(), t, o); err != nil {
			t.Fatalf("with other %s: %v", name, err)
		}
		if strings.Contains(log.String(), "going on") {
			t.Errorf("a training with other %s goes on from the checkpoint", name)
		}
		if _, err := run(t, d, recipe.NewCheckpoint(path, 0), 3); !errors.Is(err, context.Canceled) { // it was replaced
			t.Fatal(err)
		}
	}
}

func order(t *testing.T, d *recipe.Data) recipe.Training {
	t.Helper()
	params, err := recipe.Resolve(Personalization().Info(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	params["hidden_dimension"] = "32"
	return recipe.Training{Data: d, Params: params, Seed: 1, Threads: 2, Log: slog.New(slog.DiscardHandler)}
}

// run learns and returns the model's bytes. The training is cancelled after sweep cut, unless that is 0.
func run(t *testing.T, d *recipe.Data, c *recipe.Checkpoint, cut int, seen ...func(done int)) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := order(t, d)
	o.Checkpoint = c
	o.Progress = func(stage string, done, _ int) {
		if stage != "factors" {
			return
		}
		for _, tell := range seen {
			tell(done)
		}
		if done == cut {
			cancel()
		}
	}
	return learn(ctx, t, o)
}

// learn learns as o says and returns the model's bytes.
func learn(ctx context.Context, t *testing.T, o recipe.Training) ([]byte, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	o.Out = w
	if err := Personalization().Train(ctx, o); err != nil {
		return nil, err
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return os.ReadFile(path)
}
