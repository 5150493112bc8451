package service

import (
	"context"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/train"
)

// Incremental updates: a solution with performIncrementalUpdate looks for new items by itself and takes them into its
// newest FULL version's model, which becomes a version of mode UPDATE. (recipes.md, aws-semantic-similarity.)

// itemsInterval is how often such a solution looks.
const itemsInterval = 30 * time.Minute

// itemsScheduleOf names the schedule of a solution's incremental updates. No solution has such a name.
func itemsScheduleOf(solution arn.ARN) arn.ARN {
	return arn.New(solution.Region(), solution.Account(), scheduleKind, ".items/"+solution.Name())
}

// tookItems reports whether a version is what an incremental update made.
func tookItems(v api.SolutionVersion) bool {
	return v.TrainingMode == api.TrainingModeUPDATE && v.TrainingType == api.TrainingTypeAUTOMATIC
}

// takeItems begins an incremental update if there is anything to take in, and moves the timetable on.
func (s *Service) takeItems(ctx context.Context, tx catalog.Store, t *timetable, now time.Time) error {
	sol, _, err := catalog.Load[api.Solution](ctx, tx, t.Owner)
	if err != nil {
		return err
	}
	reason, err := noNewItems(ctx, tx, sol)
	if err != nil {
		return err
	}
	if reason == "" {
		return s.trainNow(ctx, tx, sol, api.SolutionVersion{
			TrainingMode: api.TrainingModeUPDATE, TrainingType: api.TrainingTypeAUTOMATIC, PerformIncrementalUpdate: ptr(true),
		}, t, now)
	}
	t.skip(now)
	s.log.Debug("no incremental update", "solution", t.Owner, "reason", reason, "next", t.Due.Time)
	return nil
}

// noNewItems says why there is nothing to take in: "" if there are items that the newest model has not seen.
func noNewItems(ctx context.Context, tx catalog.Store, sol api.Solution) (reason string, err error) {
	every := func(api.SolutionVersion, catalog.Record) bool { return true }
	v, newest, ok, err := firstOf(ctx, tx, versionsOf(sol), every)
	switch {
	case err != nil:
		return "", err
	case sol.Status != Active:
		return "the solution is " + sol.Status, nil
	case ok && isUnsettled(newest.Status):
		return "the last training has not ended", nil
	case ok && tookItems(v) && newest.Status != Active:
		return "the last incremental update failed", nil // the next would as well, until there is another model
	}
	full := func(v api.SolutionVersion, _ catalog.Record) bool { return v.TrainingMode == api.TrainingModeFULL }
	if _, _, ok, err = firstOf(ctx, tx, versionsOf(sol, Active), full); err != nil || !ok {
		return "there is no model to take them into", err
	}
	parts, err := dataset.ReadParts(ctx, tx, arn.ARN(sol.DatasetGroupArn))
	if err != nil {
		return "", err
	}
	_, last, _, err := firstOf(ctx, tx, versionsOf(sol, Active), every)
	if err != nil {
		return "", err
	}
	st, err := train.StateOf(last)
	if err == nil && st.Items == train.FingerprintItems(parts) {
		reason = "there are no new items"
	}
	return reason, err
}
