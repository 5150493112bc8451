package conformance

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/arn"
)

var (
	steps = flag.Int("steps", 3000, "steps of TestWalk over all its walks")
	seed  = flag.Uint64("seed", 1, "seed of TestWalk")
)

// TestWalk draws random sequences of operations and keeps a small model of what must be true: which names are
// taken, what stands on what, which statuses are possible, what lists hold and in which pages. The server must
// agree at every step, and no less after a restart on the same folder. Resources are quick ones; trainings and
// imports have tests of their own.
func TestWalk(t *testing.T) {
	n := *steps
	if testing.Short() {
		n = min(n, 300)
	}
	const length = 1000 // steps on one folder, with a restart after every third of them on average
	for i := range (n + length - 1) / length {
		s := *seed + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", s), func(t *testing.T) {
			walk(t, s, min(length, n-i*length))
		})
		if t.Failed() {
			return
		}
	}
}

// A walker is one walk: the model beside the server.
type walker struct {
	*world
	rng     *rand.Rand
	things  map[string]*thing // by ARN: what must be there
	gone    []string          // ARNs that were there once
	made    int
	history []string // of the last steps, for a failure
}

// A thing is what the model knows of a resource.
type thing struct {
	kind    string
	name    string
	arn     string
	parent  *thing // its dataset group; nil for schemas and groups
	schema  *thing // of a dataset
	domain  string
	sort    string // of a schema or dataset: INTERACTIONS, …
	brought bool   // by a tracker: it gives way to one that somebody makes
	doc     request
	tags    map[string]string
	number  int // in order of creation: ARNs may be random
}

// unassuming lets a server train on next to nothing, so that recommenders come to life without data.
func unassuming(c *app.Config) { c.MinInteractions, c.MinUsers = 0, 0 }

func walk(t *testing.T, seed uint64, n int) {
	dir := t.TempDir()
	c, other, stop := start(t, dir, unassuming)
	w := &walker{world: &world{caller: c, t: t}, rng: rand.New(rand.NewPCG(seed, 0)), things: map[string]*thing{}}
	for step := range n {
		if w.rng.IntN(333) == 0 {
			w.note("restart")
			stop()
			c, other, stop = start(t, dir, unassuming)
			w.caller = c
			w.checkAll()
		}
		w.step()
		if t.Failed() {
			t.Fatalf("seed %d, step %d; the last steps:\n%s", seed, step, strings.Join(w.history, "\n"))
		}
	}
	w.checkAll()
	nothing(t, other)
	stop()
}

func (w *walker) note(format string, args ...any) {
	w.history = append(w.history, fmt.Sprintf(format, args...))
	if len(w.history) > 30 {
		w.history = w.history[1:]
	}
}

// do calls an operation and notes it.
func (w *walker) do(op string, in request) reply {
	w.t.Helper()
	r := w.call(w.t, op, in)
	w.note("%s %s = %d %s", op, mustJSON(w.t, in), r.status, r.kind)
	return r
}

// expect calls an operation that must answer with an exception, or succeed for "".
func (w *walker) expect(kind, op string, in request) reply {
	w.t.Helper()
	r := w.do(op, in)
	if r.kind != kind {
		w.t.Errorf("%s %s = %s, want %q", op, mustJSON(w.t, in), r, kind)
	}
	return r
}

// step does one random thing.
func (w *walker) step() {
	w.t.Helper()
	choices := []struct {
		weight int
		do     func()
	}{
		{14, w.create}, {5, w.createAgain}, {20, w.describeOne}, {6, w.describeNone}, {12, w.listSome}, {12, w.deleteOne},
		{8, w.tagOne}, {5, w.untagOne}, {6, w.tagsOf}, {6, w.updateOne}, {3, w.wrongKind},
	}
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	at := w.rng.IntN(total)
	for _, c := range choices {
		if at -= c.weight; at < 0 {
			c.do()
			return
		}
	}
}

var walked = []string{arn.Schema, arn.DatasetGroup, arn.Dataset, arn.Solution, arn.Filter, arn.EventTracker, arn.MetricAttribution, arn.Recommender}

// pick returns a thing of one of the kinds, or nil.
func (w *walker) pick(kinds ...string) *thing {
	var list []*thing
	for _, x := range w.things {
		if len(kinds) == 0 || slices.Contains(kinds, x.kind) {
			list = append(list, x)
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b *thing) int { return a.number - b.number })
	return list[w.rng.IntN(len(list))]
}

// children are the things in a group.
func (w *walker) children(group *thing, kind string) (list []*thing) {
	for _, a := range slices.Sorted(maps.Keys(w.things)) {
		if x := w.things[a]; x.parent == group && (kind == "" || x.kind == kind) {
			list = append(list, x)
		}
	}
	return list
}

// datasets are the types of dataset that a group has.
func (w *walker) datasetOf(group *thing, sort string) *thing {
	for _, x := range w.children(group, arn.Dataset) {
		if x.sort == sort {
			return x
		}
	}
	return nil
}

// create makes something new, or is refused as the model says.
func (w *walker) create() {
	w.t.Helper()
	kind := walked[w.rng.IntN(len(walked))]
	if !has("Create"+kindNamed(kind).noun) || len(w.things) > 60 {
		return
	}
	x := &thing{kind: kind, name: fmt.Sprintf("n%d", w.rng.IntN(40)), tags: map[string]string{}}
	in := request{"name": x.name}
	want := ""
	switch kind {
	case arn.Schema:
		x.sort = []string{"INTERACTIONS", "ITEMS", "USERS"}[w.rng.IntN(3)]
		in["schema"] = schemaOf(strings.ToUpper(x.sort[:1]) + strings.ToLower(x.sort[1:]))
		if w.rng.IntN(4) == 0 && x.sort == "INTERACTIONS" {
			x.domain = "ECOMMERCE"
			in["domain"] = x.domain
		}
	case arn.DatasetGroup:
		if w.rng.IntN(4) == 0 {
			x.domain = "ECOMMERCE"
			in["domain"] = x.domain
		}
	default:
		group := w.pick(arn.DatasetGroup)
		if group == nil {
			return
		}
		x.parent, in["datasetGroupArn"] = group, group.arn
		if want = w.fill(x, in); want == "skip" {
			return
		}
	}
	k := kindNamed(kind)
	if k.name != arn.Schema && k.name != arn.MetricAttribution && w.rng.IntN(2) == 0 {
		x.tags["made"] = x.name
		in["tags"] = []any{request{"tagKey": "made", "tagValue": x.name}}
	}
	wants := []string{want} // where two things are wrong, either is told
	if w.taken(x) {
		wants = []string{"ResourceAlreadyExistsException"}
		if want != "" {
			wants = append(wants, want)
		}
	}
	r := w.do("Create"+k.noun, in)
	if !slices.Contains(wants, r.kind) {
		w.t.Errorf("Create%s %s = %s, want one of %q", k.noun, mustJSON(w.t, in), r, wants)
		return
	}
	if r.status != http.StatusOK {
		return
	}
	x.arn = r.body[k.member].(string)
	w.made++
	x.number = w.made
	delete(in, "tags")
	delete(in, "metrics")
	x.doc = in
	w.things[x.arn] = x
	if kind == arn.EventTracker {
		w.brought(x)
	}
	w.settleThing(x)
}

// fill adds to a request what its kind needs, and returns the exception that the model expects, or "skip".
func (w *walker) fill(x *thing, in request) (want string) {
	switch x.kind {
	case arn.Dataset:
		schema := w.pick(arn.Schema)
		if schema == nil {
			return "skip"
		}
		x.schema, x.sort = schema, schema.sort
		if w.rng.IntN(6) == 0 {
			x.sort = "USERS"
		}
		in["schemaArn"], in["datasetType"] = schema.arn, x.sort
		if schema.sort != x.sort || schema.domain != x.parent.domain {
			return "InvalidInputException"
		}
	case arn.Solution:
		in["recipeArn"] = "arn:aws:personalize:::recipe/aws-popularity-count"
		in["performAutoTraining"] = false
	case arn.Filter:
		in["filterExpression"] = `EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("buy")`
		if w.datasetOf(x.parent, "INTERACTIONS") == nil {
			return "InvalidInputException"
		}
	case arn.MetricAttribution:
		in["metricsOutputConfig"] = request{"roleArn": role}
		in["metrics"] = []any{request{"metricName": "views", "eventType": "view", "expression": "SAMPLECOUNT()"}}
		if w.datasetOf(x.parent, "INTERACTIONS") == nil {
			return "InvalidInputException"
		}
	case arn.Recommender:
		in["recipeArn"] = "arn:aws:personalize:::recipe/aws-ecomm-popular-items-by-views"
		if x.parent.domain == "" || w.datasetOf(x.parent, "INTERACTIONS") == nil {
			return "InvalidInputException"
		}
	}
	return ""
}

// taken reports whether something stands in the way of x: its name, or the one of its kind that a group may have.
func (w *walker) taken(x *thing) bool {
	for _, y := range w.things {
		named, beside := y.name == x.name, y.parent == x.parent
		switch {
		case y.kind != x.kind:
		case x.kind == arn.Dataset && beside && y.sort == x.sort && !y.brought,
			x.kind == arn.EventTracker && beside,
			x.kind == arn.MetricAttribution && (beside || named),
			x.kind != arn.Dataset && x.kind != arn.EventTracker && named:
			return true
		}
	}
	return false
}

// brought takes up the dataset and schema that an event tracker brings to a group without interactions.
func (w *walker) brought(tracker *thing) {
	w.t.Helper()
	group := tracker.parent
	if w.datasetOf(group, "INTERACTIONS") != nil {
		return
	}
	a := strings.Replace(group.arn, ":dataset-group/", ":dataset/", 1) + "/INTERACTIONS"
	doc := w.describe(a)
	schema := &thing{kind: arn.Schema, sort: "INTERACTIONS", domain: group.domain, arn: doc["schemaArn"].(string), tags: map[string]string{}}
	described := w.describe(schema.arn)
	schema.name, schema.doc = described["name"].(string), request{"schema": described["schema"]}
	data := &thing{kind: arn.Dataset, sort: "INTERACTIONS", brought: true, arn: a, parent: group, schema: schema, name: doc["name"].(string), tags: map[string]string{},
		doc: request{"datasetGroupArn": group.arn, "schemaArn": schema.arn, "datasetType": "INTERACTIONS"}}
	schema.number, data.number = w.made+1, w.made+2
	w.made += 2
	w.things[schema.arn], w.things[a] = schema, data
	w.settleThing(data)
}

// settleThing follows a new resource through statuses that a new one may have.
func (w *walker) settleThing(x *thing) {
	w.t.Helper()
	if x.kind == arn.Schema {
		return
	}
	for deadline := time.Now().Add(time.Minute); ; {
		status, _ := w.describe(x.arn)["status"].(string)
		switch status {
		case "ACTIVE":
			return
		case "CREATE PENDING", "CREATE IN_PROGRESS":
		default:
			w.t.Fatalf("the new %s is %s", x.arn, status)
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s is %s after a minute", x.arn, status)
		}
	}
}

// createAgain makes what is there already.
func (w *walker) createAgain() {
	w.t.Helper()
	x := w.pick(arn.Schema, arn.DatasetGroup, arn.Solution, arn.Filter)
	if x == nil || x.doc["name"] == nil {
		return
	}
	if x.kind == arn.Filter && w.datasetOf(x.parent, "INTERACTIONS") == nil {
		return // deleted meanwhile: there are two things wrong
	}
	w.expect("ResourceAlreadyExistsException", "Create"+kindNamed(x.kind).noun, maps.Clone(x.doc))
}

// describeOne compares a resource with the model.
func (w *walker) describeOne() {
	w.t.Helper()
	if x := w.pick(); x != nil {
		w.check(x)
	}
}

func (w *walker) check(x *thing) {
	w.t.Helper()
	k := kindNamed(x.kind)
	r := w.expect("", "Describe"+k.noun, request{k.member: x.arn})
	doc, _ := r.body[k.document].(map[string]any)
	want := normal(w.t, x.doc)
	for m, v := range want {
		if got := subset(v, doc[m]); fmt.Sprint(got) != fmt.Sprint(v) {
			w.t.Errorf("%s has %s = %v, want %v", x.arn, m, got, v)
		}
	}
	if status, ok := doc["status"]; ok && status != "ACTIVE" {
		w.t.Errorf("%s is %v, want ACTIVE", x.arn, status)
	}
}

// describeNone asks for what was deleted or never was.
func (w *walker) describeNone() {
	w.t.Helper()
	a := arn.New(region, w.account, walked[w.rng.IntN(len(walked))], "never").String()
	if len(w.gone) > 0 && w.rng.IntN(2) == 0 {
		a = w.gone[w.rng.IntN(len(w.gone))]
		if w.things[a] != nil {
			return // made again meanwhile
		}
	}
	k := kindNamed(arn.ARN(a).Kind())
	if !has("Describe" + k.noun) {
		return
	}
	op := []string{"Describe", "Delete"}[w.rng.IntN(2)]
	w.expect("ResourceNotFoundException", op+k.noun, request{k.member: a})
}

// wrongKind asks one kind's operation for another's resource.
func (w *walker) wrongKind() {
	w.t.Helper()
	x, k := w.pick(), kindNamed(walked[w.rng.IntN(len(walked))])
	if x == nil || x.kind == k.name || !has("Describe"+k.noun) {
		return
	}
	w.expect("InvalidInputException", []string{"Describe", "Delete"}[w.rng.IntN(2)]+k.noun, request{k.member: x.arn})
}

// listSome walks the pages of one kind, of the account or of a group, and finds each thing once.
func (w *walker) listSome() {
	w.t.Helper()
	kind := walked[w.rng.IntN(len(walked))]
	if has("Create" + kindNamed(kind).noun) {
		var group *thing
		if kind != arn.Schema && kind != arn.DatasetGroup && w.rng.IntN(2) == 0 {
			group = w.pick(arn.DatasetGroup)
		}
		w.checkList(kind, group, 1+w.rng.IntN(7))
	}
}

func (w *walker) checkList(kind string, group *thing, size int) {
	w.t.Helper()
	k := kindNamed(kind)
	in := request{"maxResults": size}
	want := map[string]bool{}
	if group != nil {
		in["datasetGroupArn"] = group.arn
	}
	for a, x := range w.things {
		if x.kind == kind && (group == nil || x.parent == group) {
			want[a] = true
		}
	}
	seen := 0
	for {
		r := w.expect("", k.list, in)
		page, _ := r.body[k.summary].([]any)
		token, more := r.body["nextToken"]
		if len(page) > size || more && len(page) < size {
			w.t.Errorf("%s of %d gives a page of %d, more to come: %v", k.list, size, len(page), more)
		}
		for _, s := range page {
			a := s.(map[string]any)[k.member].(string)
			if !want[a] {
				w.t.Errorf("%s shows %s, which is not there or was shown already", k.list, a)
			}
			delete(want, a)
			seen++
		}
		if !more {
			break
		}
		in["nextToken"] = token
	}
	for a := range want {
		w.t.Errorf("%s does not show %s", k.list, a)
	}
}

// deleteOne deletes something, or is refused as the model says.
func (w *walker) deleteOne() {
	w.t.Helper()
	x := w.pick()
	if x == nil || x.kind == arn.DatasetGroup && w.rng.IntN(3) > 0 { // their deletion is mostly refused
		return
	}
	k := kindNamed(x.kind)
	want := ""
	switch x.kind {
	case arn.DatasetGroup:
		if len(w.children(x, "")) > 0 {
			want = "ResourceInUseException"
		}
	case arn.Schema:
		for _, y := range w.things {
			if y.schema == x && y.kind == arn.Dataset {
				want = "ResourceInUseException"
			}
		}
	}
	if r := w.expect(want, "Delete"+k.noun, request{k.member: x.arn}); r.status != http.StatusOK {
		return
	}
	delete(w.things, x.arn)
	w.gone = append(w.gone, x.arn)
	for deadline := time.Now().Add(time.Minute); ; {
		r := w.call(w.t, "Describe"+k.noun, request{k.member: x.arn})
		if r.kind == "ResourceNotFoundException" {
			return
		}
		doc, _ := r.body[k.document].(map[string]any)
		if status := doc["status"]; status != "DELETE PENDING" && status != "DELETE IN_PROGRESS" || time.Now().After(deadline) {
			w.t.Fatalf("%s that is being deleted is %v", x.arn, r)
		}
	}
}

// tagOne, untagOne and tagsOf keep tags beside the model's.
func (w *walker) tagOne() {
	w.t.Helper()
	x := w.pick()
	if x == nil {
		return
	}
	key, value := fmt.Sprintf("k%d", w.rng.IntN(5)), fmt.Sprint(w.rng.IntN(100))
	want := ""
	if x.kind == arn.Schema || x.kind == arn.MetricAttribution {
		want = "InvalidInputException"
	}
	w.expect(want, "TagResource", request{"resourceArn": x.arn, "tags": []any{request{"tagKey": key, "tagValue": value}}})
	if want == "" {
		x.tags[key] = value
	}
}

func (w *walker) untagOne() {
	w.t.Helper()
	if x := w.pick(arn.DatasetGroup, arn.Dataset, arn.Solution, arn.Filter, arn.EventTracker, arn.Recommender); x != nil {
		key := fmt.Sprintf("k%d", w.rng.IntN(5))
		w.expect("", "UntagResource", request{"resourceArn": x.arn, "tagKeys": []any{key}})
		delete(x.tags, key)
	}
}

func (w *walker) tagsOf() {
	w.t.Helper()
	if x := w.pick(arn.DatasetGroup, arn.Dataset, arn.Solution, arn.Filter, arn.EventTracker, arn.Recommender); x != nil {
		w.checkTags(x)
	}
}

func (w *walker) checkTags(x *thing) {
	w.t.Helper()
	got := map[string]string{}
	for _, tag := range w.expect("", "ListTagsForResource", request{"resourceArn": x.arn}).body["tags"].([]any) {
		got[tag.(map[string]any)["tagKey"].(string)] = tag.(map[string]any)["tagValue"].(string)
	}
	if !maps.Equal(got, x.tags) {
		w.t.Errorf("%s has the tags %v, want %v", x.arn, got, x.tags)
	}
}

// updateOne changes something that can be changed.
func (w *walker) updateOne() {
	w.t.Helper()
	x := w.pick(arn.Solution, arn.Recommender)
	if x == nil {
		return
	}
	k := kindNamed(x.kind)
	if !has("Update" + k.noun) {
		return
	}
	in, member, want := request{k.member: x.arn}, "latestSolutionUpdate", ""
	before := maps.Clone(x.doc)
	if x.kind == arn.Solution {
		x.doc["performAutoTraining"] = false
		in["performAutoTraining"] = false
		in["solutionUpdateConfig"] = request{"autoTrainingConfig": request{"schedulingExpression": fmt.Sprintf("rate(%d days)", 2+w.rng.IntN(20))}}
		x.doc["solutionConfig"] = in["solutionUpdateConfig"]
	} else {
		member = "latestRecommenderUpdate"
		in["recommenderConfig"] = request{"minRecommendationRequestsPerSecond": 1 + w.rng.IntN(50)}
		x.doc["recommenderConfig"] = in["recommenderConfig"]
		if w.datasetOf(x.parent, "INTERACTIONS") == nil { // deleted meanwhile
			want, x.doc = "InvalidInputException", before
		}
	}
	if r := w.expect(want, "Update"+k.noun, in); r.status == http.StatusOK {
		w.updated(k, x.arn, member)
	}
}

// checkAll compares everything there is with the model.
func (w *walker) checkAll() {
	w.t.Helper()
	for _, kind := range walked {
		if has("Create" + kindNamed(kind).noun) {
			w.checkList(kind, nil, 100)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(w.things)) {
		x := w.things[a]
		w.check(x)
		if x.kind != arn.Schema && x.kind != arn.MetricAttribution {
			w.checkTags(x)
		}
	}
}
