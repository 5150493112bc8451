package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// update takes what came since into the model of the version that the order names. Its metrics stay
// those of that version: a model that has seen everybody cannot be measured on anybody.
func (t *training) update(ctx context.Context) (ended, error) {
	updater, ok := t.trainer.(recipe.Updater)
	if !ok {
		return ended{}, fault.Newf(fault.Unsupported, "The recipe %s cannot update a model.", t.order.Recipe)
	}
	rec, err := t.Store.Get(ctx, t.order.Base)
	if err != nil {
		return ended{}, err
	}
	base, err := StateOf(rec)
	if err != nil {
		return ended{}, err
	}
	f, err := t.group(ctx, "update", 1, func(ctx context.Context, _ int) (fit, error) {
		return t.extend(ctx, updater, base.Model, t.reporter("updating"))
	})
	if err != nil {
		return ended{}, err
	}
	return ended{
		State: State{Order: t.order, Model: f[0].Model, Metrics: base.Metrics},
		Hours: f[0].Seconds / 3600,
	}, nil
}

// extend makes the new model.
func (t *training) extend(ctx context.Context, u recipe.Updater, base string, report func(string, int, int)) (fit, error) {
	order, err := t.open(ctx, report)
	if err != nil {
		return fit{}, err
	}
	defer order.close()
	path, err := blob.File(ctx, t.Own, base, t.Scratch)
	if err != nil {
		return fit{}, fmt.Errorf("model of %s: %w", t.order.Base, err)
	}
	old, err := artifact.Open(path)
	if err != nil {
		return fit{}, fmt.Errorf("model of %s: %w", t.order.Base, err)
	}
	defer old.Close()
	return t.publish(ctx, extension{u, old}, order.Training)
}

// An extension trains by updating a model.
type extension struct {
	recipe.Updater
	old *artifact.File
}

// Train implements recipe.Trainer.
func (e extension) Train(ctx context.Context, t recipe.Training) error {
	return e.Update(ctx, t, e.old)
}

// Fingerprint tells one state of a group's interactions from another: it is equal as long as nothing
// was imported, put or deleted. It is "" while there are none.
func Fingerprint(p dataset.Parts) string { return fingerprint(p.Interactions) }

// FingerprintItems does the same for the items.
func FingerprintItems(p dataset.Parts) string { return fingerprint(p.Items) }

func fingerprint(p dataset.Part) string {
	if len(p.Segments) == 0 {
		return ""
	}
	b, err := json.Marshal(p.Segments)
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
