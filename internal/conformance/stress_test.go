package conformance

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
)

// TestStress lets a thousand clients create, change, describe, list and delete at the same time. None may see a
// failure of the server or a lock, and no change may be lost: every tag that was acknowledged is there at the end,
// a name is one client's until it is given back, and every deletion that was acknowledged is done.
func TestStress(t *testing.T) {
	clients, span := 1000, 15*time.Second
	if testing.Short() { // as the race detector runs it
		span = 5 * time.Second
	}
	c, _, _ := start(t, t.TempDir(), nil)
	w := &world{caller: c, t: t}
	shared := w.group("")
	w.dataset(shared, "Interactions", "")
	var targets []string // whose tags everybody changes
	for range 20 {
		targets = append(targets, w.settle(arn.Filter, request{"name": fresh("shared"), "datasetGroupArn": shared,
			"filterExpression": `EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("a")`}))
	}
	s := &stress{caller: c, t: t, winners: map[string]int{}, tags: map[string]int{}}
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			for round := 0; round == 0 || ctx.Err() == nil && !t.Failed(); round++ {
				s.round(n, round, targets[(n+round)%len(targets)])
			}
		})
	}
	all.Wait()
	t.Logf("%d calls of %d clients", s.calls.Load(), clients)
	total := 0
	for _, a := range targets {
		got := len(c.ok(t, "ListTagsForResource", request{"resourceArn": a})["tags"].([]any))
		if want := s.tags[a]; got != want {
			t.Errorf("%s has %d tags, want all %d that were acknowledged", a, got, want)
		}
		total += got
	}
	if total == 0 {
		t.Error("no tag was set at all")
	}
	for name, n := range s.winners {
		a := arn.New(region, c.account, arn.DatasetGroup, name).String()
		switch n {
		case 0:
			w.awaitGone(a)
		case 1:
			w.await(a, "ACTIVE")
		default:
			t.Errorf("the name %s was given %d times more often than it was given back, want once at most", name, n)
		}
	}
	left := 0
	for in := (request{}); ; {
		page := c.ok(t, "ListSchemas", in)
		for _, x := range page["schemas"].([]any) {
			if name := x.(map[string]any)["name"].(string); strings.HasPrefix(name, "own-") {
				left++
			}
		}
		if page["nextToken"] == nil {
			break
		}
		in["nextToken"] = page["nextToken"]
	}
	if left > 0 {
		t.Errorf("%d schemas are left that their clients deleted", left)
	}
}

// A stress is what all clients share: what the server acknowledged.
type stress struct {
	*caller
	t       *testing.T
	calls   atomic.Int64
	mu      sync.Mutex
	winners map[string]int // how often each name was given, less how often it was given back
	tags    map[string]int // by resource
}

// do calls an operation, whose outcome must be one of the kinds; "" is success.
func (s *stress) do(op string, in request, kinds ...string) reply {
	s.calls.Add(1)
	r, err := s.send(s.t.Context(), op, mustJSON(s.t, in), nil)
	if err != nil {
		s.t.Errorf("%s: %v", op, err)
		return r
	}
	for _, k := range kinds {
		if r.kind == k && (k != "" || r.status == http.StatusOK) {
			return r
		}
	}
	s.t.Errorf("%s %s = %s, want one of %q", op, mustJSON(s.t, in), r, kinds)
	return r
}

func (s *stress) won(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.winners[name] += n
}

// round is one client's: something of its own, something that all want, something that all change.
func (s *stress) round(n, round int, target string) {
	own := s.do("CreateSchema", request{"name": fmt.Sprintf("own-%d-%d", n, round), "schema": schemaOf("Users")}, "")
	if a := own.body["schemaArn"]; a != nil {
		s.do("DescribeSchema", request{"schemaArn": a}, "")
		s.do("DeleteSchema", request{"schemaArn": a}, "")
		s.do("DescribeSchema", request{"schemaArn": a}, "ResourceNotFoundException")
	}
	name := fmt.Sprintf("wanted-%d", (n+round)%50+50*round)
	if r := s.do("CreateDatasetGroup", request{"name": name}, "", "ResourceAlreadyExistsException"); r.kind == "" && r.status == http.StatusOK {
		s.won(name, 1)
		s.do("DescribeDatasetGroup", request{"datasetGroupArn": r.body["datasetGroupArn"]}, "")
		if r := s.do("DeleteDatasetGroup", request{"datasetGroupArn": r.body["datasetGroupArn"]}, "", "ResourceInUseException"); r.status == http.StatusOK {
			s.won(name, -1)
		}
	}
	tag := request{"tagKey": fmt.Sprintf("%d-%d", n, round), "tagValue": "v"}
	if r := s.do("TagResource", request{"resourceArn": target, "tags": []any{tag}}, "", "TooManyTagsException"); r.kind == "" && r.status == http.StatusOK {
		s.mu.Lock()
		s.tags[target]++
		s.mu.Unlock()
	}
	s.do("ListDatasetGroups", request{"maxResults": 10}, "")
}
