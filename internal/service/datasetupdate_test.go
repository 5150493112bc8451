package service

import (
	"errors"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
)

const (
	itemsText = `{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},{"name":"GENRES","type":["null","string"],"categorical":true}]}`
	widerText = `{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},{"name":"GENRES","type":["null","string"],"categorical":true},{"name":"PRICE","type":["null","float"]}]}`
)

// withItems returns a world with a group "shop" that has a dataset of items, and a schema "wider" for it.
func withItems(t *testing.T) (w *world, items string) {
	w = newWorld(t, Quotas{})
	must[*api.CreateDatasetGroupResponse](t)(w.svc.CreateDatasetGroup(w.ctx, &api.CreateDatasetGroupRequest{Name: "shop"}))
	w.settle()
	for n, text := range map[string]string{"items": itemsText, "wider": widerText} {
		must[*api.CreateSchemaResponse](t)(w.svc.CreateSchema(w.ctx, &api.CreateSchemaRequest{Name: n, Schema: text}))
	}
	must[*api.CreateDatasetResponse](t)(w.svc.CreateDataset(w.ctx, &api.CreateDatasetRequest{
		Name: "things", DatasetType: "Items", DatasetGroupArn: name(arn.DatasetGroup, "shop"), SchemaArn: name(arn.Schema, "items"),
	}))
	w.settle()
	return w, name(arn.Dataset, "shop/ITEMS")
}

func (w *world) update(items, schema string) error {
	_, err := w.svc.UpdateDataset(w.ctx, &api.UpdateDatasetRequest{DatasetArn: items, SchemaArn: name(arn.Schema, schema)})
	return err
}

func (w *world) describeDataset(a string) *api.Dataset {
	w.t.Helper()
	return must[*api.DescribeDatasetResponse](w.t)(w.svc.DescribeDataset(w.ctx, &api.DescribeDatasetRequest{DatasetArn: a})).Dataset
}

// The dataset's own status goes along with the update, and the schema changes at its end.
func TestUpdateDatasetStatuses(t *testing.T) {
	w, items := withItems(t)
	is := func(status, update, schema string) {
		t.Helper()
		d := w.describeDataset(items)
		if d.Status != status || d.LatestDatasetUpdate == nil || d.LatestDatasetUpdate.Status != update || d.LatestDatasetUpdate.SchemaArn != name(arn.Schema, "wider") || d.SchemaArn != name(arn.Schema, schema) {
			t.Errorf("the dataset is %s of %s, its update %+v; want %s of %s, %s", d.Status, d.SchemaArn, d.LatestDatasetUpdate, status, schema, update)
		}
	}
	if err := w.update(items, "wider"); err != nil {
		t.Fatal(err)
	}
	is("UPDATE PENDING", "UPDATE PENDING", "items")
	if err := w.update(items, "wider"); kind(err) != kind(fault.Newf(fault.InUse, "")) {
		t.Errorf("a second update meanwhile gives %v", err)
	}
	if err := w.svc.DeleteSchema(w.ctx, &api.DeleteSchemaRequest{SchemaArn: name(arn.Schema, "wider")}); !fault.Is(err, fault.InUse) {
		t.Errorf("deleting the schema that is coming gives %v", err)
	}
	_, err := w.svc.CreateDatasetImportJob(w.ctx, &api.CreateDatasetImportJobRequest{
		JobName: "i", DatasetArn: items, DataSource: &api.DataSource{DataLocation: "s3://b/f"}, RoleArn: "arn:aws:iam::111122223333:role/R",
	})
	if !fault.Is(err, fault.InUse) {
		t.Errorf("an import meanwhile gives %v", err)
	}
	j, _ := w.begin()
	is("UPDATE IN_PROGRESS", "UPDATE IN_PROGRESS", "items")
	w.end(j, nil)
	is("ACTIVE", "ACTIVE", "wider")
	_, rec, err := catalog.Load[api.Dataset](w.ctx, w.db, arn.ARN(items))
	if err != nil {
		t.Fatal(err)
	}
	st, err := dataset.StateOf(rec)
	if err != nil || len(st.Added) != 1 || st.Added["PRICE"] == 0 {
		t.Errorf("the state is %+v, %v; want PRICE added", st, err)
	}
}

// An update that fails leaves the dataset ACTIVE with the schema that it had.
func TestUpdateDatasetFails(t *testing.T) {
	w, items := withItems(t)
	if err := w.update(items, "wider"); err != nil {
		t.Fatal(err)
	}
	j, _ := w.begin()
	w.end(j, errors.New("disk full"))
	d := w.describeDataset(items)
	if d.Status != Active || d.SchemaArn != name(arn.Schema, "items") || d.LatestDatasetUpdate.Status != "UPDATE FAILED" || d.LatestDatasetUpdate.FailureReason == "" {
		t.Errorf("the dataset is %+v with the update %+v", d, d.LatestDatasetUpdate)
	}
	if err := w.svc.DeleteSchema(w.ctx, &api.DeleteSchemaRequest{SchemaArn: name(arn.Schema, "wider")}); err != nil {
		t.Errorf("deleting the schema that did not come gives %v", err)
	}
}

// At most so many deletions of a group may wait.
func TestPendingDeletions(t *testing.T) {
	w, _ := withItems(t)
	w.svc.quotas.RunningDeletions = 2
	ask := func(job string) error {
		_, err := w.svc.CreateDataDeletionJob(w.ctx, &api.CreateDataDeletionJobRequest{
			JobName: job, DatasetGroupArn: name(arn.DatasetGroup, "shop"), DataSource: &api.DataSource{DataLocation: "s3://b/gone/"}, RoleArn: "arn:aws:iam::111122223333:role/R",
		})
		return err
	}
	for _, job := range []string{"a", "b"} {
		if err := ask(job); err != nil {
			t.Fatal(err)
		}
	}
	if err := ask("c"); !fault.Is(err, fault.Limit) {
		t.Errorf("a third one gives %v, want a limit", err)
	}
	if err := catalog.Transition(w.ctx, w.db, arn.ARN(name(arn.DataDeletionJob, "a")), w.at, "IN_PROGRESS", nil); err != nil {
		t.Fatal(err)
	}
	if err := ask("c"); err != nil {
		t.Errorf("when one is in progress: %v", err)
	}
}
