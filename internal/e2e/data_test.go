package e2e

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

// A person whose id is found wherever it stands.
const person = "zz-somebody-to-forget"

// TestData follows what operations on data do to the data itself: exports, a deletion of users across a
// restart, a schema that is replaced, and a deleted dataset; and that no file is left behind.
func TestData(t *testing.T) {
	dir := t.TempDir()
	w := makeWorld(t)
	w.parts[0] = append(w.parts[0], personsRows(w.parts[0])...)
	w.people = append(w.people, lineLike(w.people, person)...)
	f := importAll(start(t, dir), w)
	_, version := f.train("popular", "aws-popularity-count")
	filter := f.active(f.Filter(t.Context(), "unseen", f.group, unseen))
	f.put("in/two.json", questions([]string{person, "nobody"}, nil))
	before := f.infer(clienttest.Batch{Name: "before", Version: version, Filter: filter, Input: "in/two.json"})
	if a := readAnswers(t, before, []string{person, "nobody"}, 25); equalItems(a[0], a[1]) {
		t.Errorf("before the deletion %s is answered like somebody without events: %v", person, a[0].Output.Items)
	}
	all := f.export(t, "everything", f.events, types.IngestionModeBulk)
	f.run(t, "export is imported", func(t *testing.T) { f.testImportOfExport(t, all) })

	f.put("forget/more/list.csv", []byte("USER_ID\n"+person+"\nnobody\n"))
	forgotten := ok[string](t)(f.DeleteUsers(t.Context(), "forget", f.group, clienttest.Location("forget/")))
	f.server.stop() // wherever the job is
	f.server = start(t, dir)
	f.settled(forgotten, clienttest.Completed)
	job := ok[*personalize.DescribeDataDeletionJobOutput](t)(f.API.DescribeDataDeletionJob(t.Context(), &personalize.DescribeDataDeletionJobInput{DataDeletionJobArn: &forgotten}))
	if n := aws.ToInt32(job.DataDeletionJob.NumDeleted); int(n) != persons+1 {
		t.Errorf("%d records were deleted, want %d interactions and a user", n, persons)
	}
	left := f.export(t, "left", f.events, types.IngestionModeBulk)
	if want := linesWithout(all, person); !bytes.Equal(left, want) {
		t.Errorf("the deletion leaves %d bytes of %d, want %d", len(left), len(all), len(want))
	}
	after := f.infer(clienttest.Batch{Name: "after", Version: version, Filter: filter, Input: "in/two.json"})
	if a := readAnswers(t, after, []string{person, "nobody"}, 25); !equalItems(a[0], a[1]) {
		t.Errorf("after the deletion %s is answered with %v, and somebody without events with %v", person, a[0].Output.Items, a[1].Output.Items)
	}
	f.eventually(t, "a file has the id of the deleted user", func() bool { return len(holding(t, dir, person)) == 0 })

	f.run(t, "schema", f.testUpdate)
	f.run(t, "full import", func(t *testing.T) {
		f.bring("anew", f.events, clienttest.Location("events/c.csv"), types.ImportModeFull)
		f.eventually(t, "segments that were replaced are there", func() bool { return len(files(t, dir, "films/INTERACTIONS")) == 1 })
	})
	f.run(t, "delete dataset", func(t *testing.T) { f.testDeleteDataset(t, dir) })
}

// persons is how many interactions the person has.
const persons = 40

// personsRows are interactions like the first ones of a file, of the person.
func personsRows(csv []byte) []byte {
	var out []byte
	for _, line := range strings.SplitAfterN(string(csv), "\n", persons+2)[1 : persons+1] {
		out = append(out, lineLike([]byte("\n"+line), person)...)
	}
	return out
}

// lineLike is the second line of a file with another id.
func lineLike(csv []byte, id string) []byte {
	line := strings.SplitAfter(string(csv), "\n")[1]
	return []byte(id + line[strings.IndexByte(line, ','):])
}

func linesWithout(csv []byte, text string) []byte {
	var out []byte
	for line := range bytes.Lines(csv) {
		if !bytes.Contains(line, []byte(text)) {
			out = append(out, line...)
		}
	}
	return out
}

func equalItems(a, b answer) bool {
	return strings.Join(a.Output.Items, " ") == strings.Join(b.Output.Items, " ")
}

// export exports a dataset and returns the file.
func (f *films) export(t *testing.T, job, set string, mode types.IngestionMode) []byte {
	t.Helper()
	f.active(f.Export(t.Context(), job, set, "exports/", mode))
	if n := ok[map[string]int64](t)(f.Sizes(t.Context(), "exports/"+job+"/")); len(n) != 1 {
		t.Errorf("the export wrote %v, want one object", n)
	}
	return f.get("exports/" + job + "/part-00000.csv")
}

// An export is imported into another dataset, and exported from there again.
func (f *films) testImportOfExport(t *testing.T, csv []byte) {
	rows := map[string]bool{}
	for _, part := range f.parts[:4] {
		for line := range bytes.Lines(part) {
			rows[string(line)] = true
		}
	}
	for line := range bytes.Lines(csv) {
		if !rows[string(line)] {
			t.Fatalf("the export has the row %q, which was not imported or is there twice", line)
		}
		delete(rows, string(line))
	}
	if len(rows) > 0 {
		t.Errorf("%d rows were not exported", len(rows))
	}
	group := f.active(f.Group(t.Context(), "copies"))
	events := f.active(f.Dataset(t.Context(), group, "Interactions", synth.InteractionsSchema))
	f.bring("copy", events, clienttest.Location("exports/everything/"), types.ImportModeFull)
	if again := f.export(t, "again", events, types.IngestionModeAll); !bytes.Equal(again, csv) {
		t.Errorf("what was exported is %d bytes, and %d when it was imported and exported again", len(csv), len(again))
	}
	if none := f.export(t, "none", events, ""); bytes.Count(none, []byte("\n")) != 1 {
		t.Errorf("what came record by record is %q, want a header alone", none)
	}
}

// A dataset gets another column, which a filter can use at once.
func (f *films) testUpdate(t *testing.T) {
	wider := strings.Replace(synth.ItemsSchema, `"fields":[`, `"fields":[{"name":"LENGTH","type":["null","int"]},`, 1)
	if wider == synth.ItemsSchema {
		t.Fatalf("no fields in %s", wider)
	}
	schema := ok[*personalize.CreateSchemaOutput](t)(f.API.CreateSchema(t.Context(), &personalize.CreateSchemaInput{Name: aws.String("wider"), Schema: &wider}))
	items := strings.Replace(f.events, "INTERACTIONS", "ITEMS", 1)
	ok[*personalize.UpdateDatasetOutput](t)(f.API.UpdateDataset(t.Context(), &personalize.UpdateDatasetInput{DatasetArn: &items, SchemaArn: schema.SchemaArn}))
	f.settled(items, clienttest.Active)
	f.active(f.Filter(t.Context(), "short", f.group, "INCLUDE ItemID WHERE Items.LENGTH < 90"))
	csv := f.export(t, "wider", items, types.IngestionModeAll)
	if header, _, _ := strings.Cut(string(csv), "\n"); !strings.HasPrefix(header, "LENGTH,") || bytes.Count(csv, []byte("\n,")) != len(f.genres) {
		t.Errorf("the items are exported with the header %s; %d of %d have no LENGTH", header, bytes.Count(csv, []byte("\n,")), len(f.genres))
	}
}

// A dataset that is deleted takes its files along, and the snapshots it was part of.
func (f *films) testDeleteDataset(t *testing.T, dir string) {
	if _, err := f.API.DeleteDataset(t.Context(), &personalize.DeleteDatasetInput{DatasetArn: &f.events}); err != nil {
		t.Fatal(err)
	}
	f.eventually(t, "the dataset is there", func() bool {
		_, err := f.API.DescribeDataset(t.Context(), &personalize.DescribeDatasetInput{DatasetArn: &f.events})
		_, gone := errors.AsType[*types.ResourceNotFoundException](err)
		return gone
	})
	if left := files(t, dir, "films/INTERACTIONS"); len(left) > 0 {
		t.Errorf("the deleted dataset left %v", left)
	}
	if left := files(t, dir, "snapshots"); len(left) > 0 {
		t.Errorf("the deleted dataset left %v", left)
	}
}

// eventually waits for what happens by itself.
func (f *films) eventually(t *testing.T, otherwise string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("after a minute still: %s", otherwise)
		case <-tick.C:
		}
	}
}

// files are Kindred's own whose path has the text.
func files(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "own"), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // removed since it was listed
			return nil
		}
		if err == nil && !e.IsDir() && strings.Contains(path, text) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// holding are Kindred's own files that hold the text.
func holding(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	for _, path := range files(t, dir, "") {
		if strings.Contains(path, "/copies/") { // another group, which keeps what it has
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
	}
	return found
}
