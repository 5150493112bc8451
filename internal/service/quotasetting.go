package service

import (
	"context"
	"reflect"
	"strings"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// A quota is set by its name: that of its field in Quotas, spelled like a flag. Schemas is "schemas" and
// RunningImports is "running-imports".

// QuotaNames returns the names of all quotas.
func QuotaNames() []string {
	var names []string
	for f := range reflect.TypeFor[Quotas]().Fields() {
		names = append(names, dashed(f.Name))
	}
	return names
}

// Set changes the quota of that name. Zero lifts it. fault.Invalid if there is no such quota or the value
// is below zero.
func (q *Quotas) Set(name string, value int) error {
	if value < 0 {
		return fault.Newf(fault.Invalid, "The quota %s cannot be %d; 0 means no limit.", name, value)
	}
	v := reflect.ValueOf(q).Elem()
	for i := range v.NumField() {
		if dashed(v.Type().Field(i).Name) == name {
			v.Field(i).SetInt(int64(value))
			return nil
		}
	}
	return fault.Newf(fault.Invalid, "There is no quota %q; the quotas are %s.", name, strings.Join(QuotaNames(), ", "))
}

// dashed spells a Go name like a flag.
func dashed(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

// The quotas that count records, by the kind counted: of those in a dataset group or, for kinds that
// stand alone, in the account; and of those that are not settled.
var (
	quotaOfAll = map[string]string{
		arn.Schema: "schemas", arn.DatasetGroup: "dataset-groups", arn.Recommender: "all-recommenders",
	}
	quotaInGroup = map[string]string{
		arn.Solution: "solutions", arn.Filter: "filters", arn.Campaign: "campaigns", arn.Recommender: "recommenders",
	}
	quotaOfRunning = map[string]string{
		arn.DatasetImportJob: "running-imports", arn.SolutionVersion: "running-versions", arn.BatchInferenceJob: "running-batches",
		arn.BatchSegmentJob: "running-segments", arn.DataDeletionJob: "running-deletions",
	}
)

// counted returns the name of the quota over the records that q counts.
func counted(q catalog.Query) string {
	switch {
	case len(q.Status) > 0:
		return quotaOfRunning[q.Kind]
	case q.Parent != "" || quotaOfAll[q.Kind] == "":
		return quotaInGroup[q.Kind]
	}
	return quotaOfAll[q.Kind]
}

// named adds to a refusal which quota it is about and how it is changed.
func named(err error, quota string) error {
	if !fault.Is(err, fault.Limit) || quota == "" {
		return err
	}
	return fault.Newf(fault.Limit, "%s The quota is %s; kindred serve --quota %s=N changes it.", fault.Sentence(err), quota, quota)
}

// room checks a quota over the records that q counts.
func room(ctx context.Context, tx catalog.Store, quota int, q catalog.Query, format string, args ...any) error {
	if quota == 0 {
		return nil
	}
	n, err := tx.Count(ctx, q)
	if err != nil {
		return err
	}
	return named(within(quota, n, format, args...), counted(q))
}
