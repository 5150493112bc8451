package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
)

const (
	domainEvents = `{"type":"record","name":"Interactions","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
		`{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},{"name":"EVENT_TYPE","type":"string"},{"name":"TIMESTAMP","type":"long"}]}`
	videos = `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
		`{"name":"ITEM_ID","type":"string"},{"name":"GENRES","type":"string","categorical":true},{"name":"CREATION_TIMESTAMP","type":"long"}]}`
)

// domainGroup makes the group of a domain with datasets of these schemas, and brings files into them.
func (s *server) domainGroup(name string, domain types.Domain, files map[string][2]string) (group string) {
	s.t.Helper()
	ctx := s.t.Context()
	g := ok[*personalize.CreateDatasetGroupOutput](s.t)(s.API.CreateDatasetGroup(ctx, &personalize.CreateDatasetGroupInput{Name: &name, Domain: domain}))
	group = s.active(*g.DatasetGroupArn, nil)
	for kind, f := range files {
		n := aws.String(name + kind)
		schema := ok[*personalize.CreateSchemaOutput](s.t)(s.API.CreateSchema(ctx, &personalize.CreateSchemaInput{Name: n, Schema: &f[0], Domain: domain}))
		set := ok[*personalize.CreateDatasetOutput](s.t)(s.API.CreateDataset(ctx, &personalize.CreateDatasetInput{
			Name: n, SchemaArn: schema.SchemaArn, DatasetGroupArn: &group, DatasetType: &kind,
		}))
		at := ok[string](s.t)(s.Put(ctx, *n+".csv", []byte(f[1])))
		s.active(s.Import(ctx, *n, s.active(*set.DatasetArn, nil), at, types.ImportModeFull))
	}
	return group
}

// visits are events of 60 users of two tastes: each has many items of theirs by the first kind of event and most of
// these by the second too, in an order of their own.
func visits(first, second string, most int) string {
	var b bytes.Buffer
	b.WriteString("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n")
	for u := range 60 {
		for k := range 20 {
			i := (k*7+u*3)%20*2 + u%2
			at := 1_700_000_000 + 86400*k + u
			fmt.Fprintf(&b, "u%02d,i%02d,%s,%d\n", u, i, first, at)
			if k < most {
				fmt.Fprintf(&b, "u%02d,i%02d,%s,%d\n", u, i, second, at+60)
			}
		}
	}
	return b.String()
}

func (s *server) recommender(name, group, useCase string) (arn string, err error) {
	out, err := s.API.CreateRecommender(s.t.Context(), &personalize.CreateRecommenderInput{
		Name: &name, DatasetGroupArn: &group, RecipeArn: aws.String("arn:aws:personalize:::recipe/" + useCase),
	})
	if err != nil {
		return "", err
	}
	return *out.RecommenderArn, nil
}

// Creating a recommender trains it: it becomes ACTIVE with metrics of its own, or fails for want of the events
// that it is about.
func TestUseCases(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if err := s.MakeBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	genres := "ITEM_ID,GENRES,CREATION_TIMESTAMP\n"
	for i := range 40 {
		genres += fmt.Sprintf("i%02d,%s,1690000000\n", i, []string{"even|film", "odd|film"}[i%2])
	}
	shop := s.domainGroup("shop", types.DomainEcommerce, map[string][2]string{"Interactions": {domainEvents, visits("View", "Purchase", 17)}})
	screen := s.domainGroup("screen", types.DomainVideoOnDemand, map[string][2]string{
		"Interactions": {domainEvents, visits("Watch", "Click", 10)}, "Items": {videos, genres},
	})
	for _, c := range []struct{ group, useCase string }{
		{shop, "aws-ecomm-customers-who-viewed-x-also-viewed"}, {shop, "aws-ecomm-frequently-bought-together"},
		{shop, "aws-ecomm-popular-items-by-purchases"}, {shop, "aws-ecomm-popular-items-by-views"}, {shop, "aws-ecomm-recommended-for-you"},
		{screen, "aws-vod-because-you-watched-x"}, {screen, "aws-vod-more-like-x"}, {screen, "aws-vod-most-popular"},
		{screen, "aws-vod-top-picks"}, {screen, "aws-vod-trending-now"},
	} {
		name := s.active(s.recommender(c.useCase, c.group, c.useCase))
		r := ok[*personalize.DescribeRecommenderOutput](t)(s.API.DescribeRecommender(t.Context(), &personalize.DescribeRecommenderInput{RecommenderArn: &name})).Recommender
		if got := slices.Sorted(maps.Keys(r.ModelMetrics)); !slices.Equal(got, rankingMetrics) {
			t.Errorf("%s: modelMetrics are %v, want %v", c.useCase, got, rankingMetrics)
		}
		// Everybody of a taste has the same items, so that lists of 25 have what is held out in them.
		if p := r.ModelMetrics["precision_at_25"]; p <= 0 {
			t.Errorf("%s: precision_at_25 is %v, want some", c.useCase, p)
		}
	}
	s.testModelGoes(dir, "aws-vod-most-popular")
	calm := s.domainGroup("calm", types.DomainEcommerce, map[string][2]string{"Interactions": {domainEvents, visits("View", "Purchase", 16)}})
	reason := s.settled(ok[string](t)(s.recommender("calm", calm, "aws-ecomm-popular-items-by-purchases")), clienttest.Failed)
	if want := "Dataset has fewer than 1000 interactions after filtering by event type: Purchase (found "; !strings.HasPrefix(reason, want) {
		t.Errorf("failureReason is %q, want %q", reason, want)
	}
}

// testModelGoes deletes a recommender, whose model goes with it.
func (s *server) testModelGoes(dir, name string) {
	s.t.Helper()
	models := func() []string {
		return ok[[]string](s.t)(filepath.Glob(filepath.Join(dir, "own", "recommenders", "*", "*", name, "*")))
	}
	if len(models()) != 1 {
		s.t.Errorf("the recommender %s has the files %v, want a model", name, models())
	}
	arn := "arn:aws:personalize:us-east-1:000000000000:recommender/" + name
	ok[*personalize.DeleteRecommenderOutput](s.t)(s.API.DeleteRecommender(s.t.Context(), &personalize.DeleteRecommenderInput{RecommenderArn: &arn}))
	s.until("the recommender is gone", func() bool {
		_, err := s.API.DescribeRecommender(s.t.Context(), &personalize.DescribeRecommenderInput{RecommenderArn: &arn})
		return is[*types.ResourceNotFoundException](err)
	})
	if len(models()) != 0 {
		s.t.Errorf("the deleted recommender %s leaves %v", name, models())
	}
}
