package service

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/dataset"
)

// The schema that trackers bring is one that a dataset of any group may have.
func TestTrackedSchema(t *testing.T) {
	for _, domain := range []string{"", dataset.Ecommerce, dataset.VideoOnDemand} {
		s, err := dataset.ParseSchema(trackedSchema, domain)
		if err != nil || s.Type != dataset.Interactions {
			t.Errorf("ParseSchema for domain %q = %v, %v, want one of Interactions", domain, s, err)
		}
	}
}

// Of many who make the tracker of a group at once, one does, with its dataset; the others find it there.
func TestOneTracker(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	group := must[*api.CreateDatasetGroupResponse](t)(w.svc.CreateDatasetGroup(w.ctx, &api.CreateDatasetGroupRequest{Name: "shop"})).DatasetGroupArn
	w.settle()
	at := w.at // the test's clock is not made for many
	w.svc.now = func() time.Time { return at }
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for n := range errs {
		wg.Go(func() {
			_, errs[n] = w.svc.CreateEventTracker(w.ctx, &api.CreateEventTrackerRequest{Name: "clicks", DatasetGroupArn: group})
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if kind(err) != "exists" {
			t.Errorf("CreateEventTracker = %v, want none or exists", err)
		}
	}
	schemas := must[*api.ListSchemasResponse](t)(w.svc.ListSchemas(w.ctx, &api.ListSchemasRequest{}))
	if made != 1 || len(schemas.Schemas) != 1 {
		t.Errorf("%d trackers and %d schemas were made, want one of each", made, len(schemas.Schemas))
	}
	w.settle()
	trackers := must[*api.ListEventTrackersResponse](t)(w.svc.ListEventTrackers(w.ctx, &api.ListEventTrackersRequest{DatasetGroupArn: group}))
	d, err := w.svc.DescribeDataset(w.ctx, &api.DescribeDatasetRequest{DatasetArn: name(arn.Dataset, "shop/INTERACTIONS")})
	if err != nil || d.Dataset.Status != Active || len(trackers.EventTrackers) != 1 || trackers.EventTrackers[0].Status != Active {
		t.Errorf("trackers are %v and the dataset %+v, %v, want one and both ACTIVE", trackers.EventTrackers, d, err)
	}
}

// A tracker's names are random: eight hexadecimal digits and a UUID.
func TestTrackerNames(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	seen := map[string]bool{}
	for _, g := range []string{"a", "b"} {
		out := must[*api.CreateEventTrackerResponse](t)(w.svc.CreateEventTracker(w.ctx, &api.CreateEventTrackerRequest{Name: "clicks", DatasetGroupArn: w.group(g, "")}))
		id := arn.ARN(out.EventTrackerArn).Name()
		if len(id) != 8 || strings.Trim(id, "0123456789abcdef") != "" || uuid.Validate(out.TrackingId) != nil || seen[id] || seen[out.TrackingId] {
			t.Errorf("tracker of %s is %s with %s, want another one with 8 hexadecimal digits and a UUID", g, out.EventTrackerArn, out.TrackingId)
		}
		seen[id], seen[out.TrackingId] = true, true
	}
}

// A dataset on its way out takes no tracker: its events would go with it.
func TestTrackerOfDatasetThatGoes(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	group := w.group("shop", "")
	if err := w.svc.DeleteDataset(w.ctx, &api.DeleteDatasetRequest{DatasetArn: name(arn.Dataset, "shop/INTERACTIONS")}); err != nil {
		t.Fatal(err)
	}
	create := func() error {
		_, err := w.svc.CreateEventTracker(w.ctx, &api.CreateEventTrackerRequest{Name: "clicks", DatasetGroupArn: group})
		return err
	}
	if err := create(); kind(err) != "in use" {
		t.Errorf("CreateEventTracker while the dataset goes = %v, want in use", err)
	}
	w.settle()
	if err := create(); err != nil {
		t.Errorf("CreateEventTracker after the dataset went = %v", err)
	}
}
