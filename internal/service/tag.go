package service

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// maxTags is how many tags a resource may have.
const maxTags = 50

// taggable are the kinds of resource that take tags; schemas and metric attributions do not.
var taggable = []string{
	arn.DatasetGroup, arn.Dataset, arn.DatasetImportJob, arn.DatasetExportJob, arn.DataDeletionJob, arn.EventTracker,
	arn.Filter, arn.Solution, arn.SolutionVersion, arn.Campaign, arn.Recommender, arn.BatchInferenceJob, arn.BatchSegmentJob,
}

// tagMap adds tags to have and checks the rules that the model cannot state.
func tagMap(have map[string]string, tags []api.Tag) (map[string]string, error) {
	out := maps.Clone(have)
	seen := map[string]bool{}
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.TagKey), "aws:") || strings.HasPrefix(strings.ToLower(t.TagValue), "aws:") {
			return nil, fault.Newf(fault.Invalid, "Tag %q: keys and values must not begin with aws:, which is reserved.", t.TagKey)
		}
		if seen[t.TagKey] {
			return nil, fault.Newf(fault.Invalid, "Tag key %q is given more than once.", t.TagKey)
		}
		seen[t.TagKey] = true
		if out == nil {
			out = map[string]string{}
		}
		out[t.TagKey] = t.TagValue
	}
	if len(out) > maxTags {
		return nil, fault.Newf(fault.TooManyTags, "You have exceeded the maximum number of tags you can apply to this resource: %d, at most %d.", len(out), maxTags)
	}
	return out, nil
}

// tagged returns the record that tags are asked of.
func tagged(ctx context.Context, tx catalog.Store, name string) (catalog.Record, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return catalog.Record{}, err
	}
	a := arn.ARN(name)
	if !a.Valid() || !slices.Contains(taggable, a.Kind()) {
		return catalog.Record{}, fault.Newf(fault.Invalid, "resourceArn %s is not a resource that takes tags.", name)
	}
	rec, err := tx.Get(ctx, a)
	if err != nil {
		return rec, err
	}
	if rec.Account != sc.key() {
		return catalog.Record{}, catalog.NotFound(a)
	}
	return rec, nil
}

// TagResource adds tags, replacing the values of keys that are there.
func (s *Service) TagResource(ctx context.Context, in *api.TagResourceRequest) (*api.TagResourceResponse, error) {
	err := s.store.Tx(ctx, func(tx catalog.Store) error {
		rec, err := tagged(ctx, tx, in.ResourceArn)
		if err != nil {
			return err
		}
		if rec.Tags, err = tagMap(rec.Tags, in.Tags); err != nil {
			return err
		}
		return tx.Update(ctx, rec)
	})
	if err != nil {
		return nil, err
	}
	return &api.TagResourceResponse{}, nil
}

// UntagResource removes tags; keys that are not there are no error.
func (s *Service) UntagResource(ctx context.Context, in *api.UntagResourceRequest) (*api.UntagResourceResponse, error) {
	if len(in.TagKeys) > maxTags {
		return nil, fault.Newf(fault.TooManyTagKeys, "The request contains more tag keys than can be associated with a resource (50 tag keys per resource).")
	}
	err := s.store.Tx(ctx, func(tx catalog.Store) error {
		rec, err := tagged(ctx, tx, in.ResourceArn)
		if err != nil {
			return err
		}
		for _, k := range in.TagKeys {
			delete(rec.Tags, k)
		}
		return tx.Update(ctx, rec)
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceResponse{}, nil
}

// ListTagsForResource returns the tags in order of key.
func (s *Service) ListTagsForResource(ctx context.Context, in *api.ListTagsForResourceRequest) (*api.ListTagsForResourceResponse, error) {
	rec, err := tagged(ctx, s.store, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsForResourceResponse{Tags: []api.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(rec.Tags)) {
		out.Tags = append(out.Tags, api.Tag{TagKey: k, TagValue: rec.Tags[k]})
	}
	return out, nil
}
