package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A Version is a trained solution version opened for asking: its model, and the data of its group as it
// is now, so that events and records that came after the training count.
//
// A version that ranks items has Model and View, one that ranks users Segments and Users, and one that ranks actions
// Actions and View.
type Version struct {
	Info  recipe.Info
	Model recipe.Model
	View  *dataset.View
	Seed  uint64

	Segments recipe.SegmentModel
	Users    *dataset.UserView

	Actions recipe.ActionModel

	file *artifact.File
	snap *dataset.Snapshot
}

// Close gives the model and the data back. Nothing they handed out may be used afterwards.
func (v *Version) Close() error { return errors.Join(v.file.Close(), v.snap.Close()) }

// Open opens an ACTIVE solution version. The model is memory-mapped; it costs what is touched.
func (c Config) Open(ctx context.Context, version arn.ARN) (*Version, error) {
	rec, err := c.Store.Get(ctx, version)
	if err != nil {
		return nil, err
	}
	st, err := StateOf(rec)
	if err != nil {
		return nil, err
	}
	if st.Model == "" {
		return nil, fault.Newf(fault.InUse, "The solution version %s is %s and has no model.", version, rec.Status)
	}
	trainer, err := c.trainer(st.Order.Recipe)
	if err != nil {
		return nil, err
	}
	path, err := blob.File(ctx, c.Own, st.Model, c.Scratch)
	if err != nil {
		return nil, fmt.Errorf("model of %s: %w", version, err)
	}
	v := &Version{Info: trainer.Info(), Seed: st.Order.Seed}
	if v.file, err = artifact.Open(path); err != nil {
		return nil, fmt.Errorf("model of %s: %w", version, err)
	}
	if err := v.open(trainer); err != nil {
		v.file.Close()
		return nil, fmt.Errorf("model of %s: %w", version, err)
	}
	if v.snap, err = c.Snapshots.Latest(ctx, c.Store, st.Order.Group); err != nil {
		v.file.Close()
		return nil, fmt.Errorf("data of %s: %w", version, err)
	}
	switch {
	case v.Segments != nil:
		v.Users = v.snap.UserView(v.Segments.Users())
	case v.Actions != nil:
		v.View = v.snap.View(v.Actions.Items(), st.Order.selection())
	default:
		v.View = v.snap.View(v.Model.Items(), st.Order.selection())
	}
	return v, nil
}

// open makes the model of the file.
func (v *Version) open(trainer recipe.Trainer) (err error) {
	switch r := trainer.(type) {
	case recipe.Recipe:
		v.Model, err = r.Open(v.file)
	case recipe.Segmenter:
		v.Segments, err = r.OpenSegments(v.file)
	case recipe.Advisor:
		v.Actions, err = r.OpenActions(v.file)
	default:
		err = fmt.Errorf("the recipe %s makes no models", trainer.Info().Name)
	}
	return err
}
