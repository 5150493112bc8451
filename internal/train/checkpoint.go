package train

import (
	"fmt"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/recipe"
)

// checkpoint returns where learning n keeps how far it is: beside the model, so that what removes models removes it
// too. Without a driver that keeps files there is no such place.
func (t *training) checkpoint(n int) *recipe.Checkpoint {
	own, ok := t.Own.(blob.Local)
	if !ok || t.Checkpoints == 0 {
		return nil
	}
	return recipe.NewCheckpoint(own.Path(fmt.Sprintf("%scheckpoint-%d", Prefix(t.Owner), n)), t.Checkpoints)
}
