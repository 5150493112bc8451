package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/wire/wiretest"
)

// A double answers a handful of operations, each in the way that its comment says.
type double struct {
	err error // what CreateSolution and the events say, if it is set
}

// ListRecipes knows of none.
func (d *double) ListRecipes(context.Context, *api.ListRecipesRequest) (*api.ListRecipesResponse, error) {
	return nil, d.err
}

// ListDatasetGroups models one exception only.
func (d *double) ListDatasetGroups(_ context.Context, in *api.ListDatasetGroupsRequest) (*api.ListDatasetGroupsResponse, error) {
	if in.NextToken != "" {
		return nil, fault.Newf(fault.BadToken, "The nextToken was not given out by this server.")
	}
	return nil, d.err
}

// DescribeSchema answers with times and an expression that HTML would escape.
func (d *double) DescribeSchema(_ context.Context, in *api.DescribeSchemaRequest) (*api.DescribeSchemaResponse, error) {
	return &api.DescribeSchemaResponse{Schema: &api.DatasetSchema{
		SchemaArn: in.SchemaArn, Schema: "a < b && c > d",
		CreationDateTime: api.NewTime(time.UnixMilli(1754300001112)),
	}}, d.err
}

func (d *double) CreateSolution(_ context.Context, in *api.CreateSolutionRequest) (*api.CreateSolutionResponse, error) {
	return &api.CreateSolutionResponse{SolutionArn: "arn:aws:personalize:us-east-1:000000000000:solution/" + in.Name}, d.err
}

func (d *double) DeleteSchema(context.Context, *api.DeleteSchemaRequest) error { return d.err }

func (d *double) TagResource(context.Context, *api.TagResourceRequest) (*api.TagResourceResponse, error) {
	return &api.TagResourceResponse{}, d.err
}

func (d *double) PutEvents(context.Context, *api.PutEventsRequest) error { return d.err }

func (d *double) PutItems(context.Context, *api.PutItemsRequest) error { return d.err }

// GetRecommendations returns the user's and the item's own id.
func (d *double) GetRecommendations(_ context.Context, in *api.GetRecommendationsRequest) (*api.GetRecommendationsResponse, error) {
	out := &api.GetRecommendationsResponse{RecommendationId: "RID-1"}
	if in.ItemId != "" {
		out.ItemList = []api.PredictedItem{{ItemId: in.ItemId, Score: new(0.25)}}
	}
	return out, d.err
}

// DescribeRecipe has a bug.
func (d *double) DescribeRecipe(context.Context, *api.DescribeRecipeRequest) (*api.DescribeRecipeResponse, error) {
	var nobody *api.Recipe
	return &api.DescribeRecipeResponse{Recipe: &api.Recipe{Name: nobody.Name}}, nil
}

// DescribeAlgorithm drops the connection the way net/http offers.
func (d *double) DescribeAlgorithm(context.Context, *api.DescribeAlgorithmRequest) (*api.DescribeAlgorithmResponse, error) {
	panic(http.ErrAbortHandler)
}

// GetSolutionMetrics answers with what JSON cannot say.
func (d *double) GetSolutionMetrics(context.Context, *api.GetSolutionMetricsRequest) (*api.GetSolutionMetricsResponse, error) {
	zero := 0.0
	return &api.GetSolutionMetricsResponse{Metrics: map[string]float64{"coverage": zero / zero}}, nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func serve(d *double) http.Handler { return NewHandler(api.Bind(d), Options{Log: quiet()}) }

// ask sends a control-plane request.
func ask(h http.Handler, op, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AmazonPersonalize."+op)
	return send(h, r)
}

func send(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestConversations(t *testing.T) {
	wiretest.Player{Handler: serve(&double{})}.PlayAll(t, "testdata/wire/*.txt")
}

func TestBound(t *testing.T) { wiretest.Bound(t, &double{}) }

// TestKinds checks name and status of every kind of fault in both protocols.
func TestKinds(t *testing.T) {
	schema := `{"schemaArn":"arn:aws:personalize:us-east-1:000000000000:schema/s"}`
	items := `{"datasetArn":"arn:aws:personalize:us-east-1:000000000000:dataset/g/ITEMS","items":[{"itemId":"i"}]}`
	for _, c := range []struct {
		err           error
		name          string // on DeleteSchema, which models InvalidInput, NotFound and InUse
		control, rest int
	}{
		{fault.Newf(fault.Invalid, "x"), "InvalidInputException", 400, 400},
		{fault.Newf(fault.NotFound, "x"), "ResourceNotFoundException", 400, 404},
		{fault.Newf(fault.InUse, "x"), "ResourceInUseException", 400, 409},
		{fault.Newf(fault.Exists, "x"), "InvalidInputException", 400, 400}, // neither models it
		{fault.Newf(fault.Limit, "x"), "InvalidInputException", 400, 400},
		{fault.Newf(fault.BadToken, "x"), "InvalidInputException", 400, 400},
		{fault.Newf(fault.TooManyTags, "x"), "InvalidInputException", 400, 400},
		{fault.Newf(fault.TooManyTagKeys, "x"), "InvalidInputException", 400, 400},
		{fault.Newf(fault.Unsupported, "x"), "NotImplementedException", 501, 501},
		{fault.Newf(fault.Denied, "x"), "AccessDeniedException", 400, 400},
		{fault.Newf(fault.Malformed, "x"), "SerializationException", 400, 400},
		{fault.Newf(fault.Unauthentic, "x"), "InvalidSignatureException", 403, 403},
		{fault.Newf(fault.Unavailable, "x"), "ServiceUnavailable", 503, 503},
		{fault.Newf(fault.Internal, "secret"), "InternalFailure", 500, 500},
		{fault.Newf(fault.Kind(99), "secret"), "InternalFailure", 500, 500},
		{errors.New("secret"), "InternalFailure", 500, 500},
		{fmt.Errorf("scan: %w", context.DeadlineExceeded), "ServiceUnavailable", 503, 503},
		{fmt.Errorf("secret: %w", fault.Wrap(fault.NotFound, errors.New("secret"), "x")), "ResourceNotFoundException", 400, 404},
		{fmt.Errorf("secret: %w", &exception{"RequestExpired", 418, "x"}), "RequestExpired", 418, 418},
	} {
		h := serve(&double{err: c.err})
		w := ask(h, "DeleteSchema", schema)
		var body struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%v: body %s: %v", c.err, w.Body, err)
		}
		if w.Code != c.control || body.Type != c.name || body.Message == "" || strings.Contains(body.Message, "secret") {
			t.Errorf("control plane: %v answers %d %s, want %d %s and nothing secret", c.err, w.Code, w.Body, c.control, c.name)
		}
		w = send(h, httptest.NewRequest("POST", "/items", strings.NewReader(items)))
		if got := w.Header().Get("x-amzn-ErrorType"); w.Code != c.rest || got != c.name || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("events: %v answers %d %s %s, want %d %s and nothing secret", c.err, w.Code, got, w.Body, c.rest, c.name)
		}
	}
}

// TestPanic checks that a bug in a handler is answered and logged with its place.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := NewHandler(api.Bind(&double{}), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	w := ask(h, "DescribeRecipe", `{"recipeArn":"arn:aws:personalize:::recipe/r"}`)
	if w.Code != 500 || !strings.Contains(w.Body.String(), "InternalFailure") || strings.Contains(w.Body.String(), "nil pointer") {
		t.Errorf("a panic answers %d %s, want 500 InternalFailure and nothing of the inside", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "nil pointer") || !strings.Contains(log.String(), "DescribeRecipe") {
		t.Errorf("the log does not name the panic and its place: %s", log.String())
	}
}

func TestAbort(t *testing.T) {
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler to reach net/http", v)
		}
	}()
	ask(serve(&double{}), "DescribeAlgorithm", `{"algorithmArn":"arn:aws:personalize:::algorithm/a"}`)
}

// TestUnencodable checks that an answer that cannot be written is a 500 and not half a body.
func TestUnencodable(t *testing.T) {
	w := ask(serve(&double{}), "GetSolutionMetrics", `{"solutionVersionArn":"arn:aws:personalize:us-east-1:000000000000:solution/s/1"}`)
	if w.Code != 500 || !strings.Contains(w.Body.String(), "InternalFailure") {
		t.Errorf("got %d %s, want 500 InternalFailure", w.Code, w.Body)
	}
}

// TestBodyLimit checks that the limit itself fits and one byte more does not.
func TestBodyLimit(t *testing.T) {
	h := NewHandler(api.Bind(&double{}), Options{Log: quiet(), MaxBody: 100})
	if w := ask(h, "ListRecipes", "{"+strings.Repeat(" ", 98)+"}"); w.Code != 200 {
		t.Errorf("a body of 100 bytes answers %d %s, want 200", w.Code, w.Body)
	}
	w := ask(h, "ListRecipes", "{"+strings.Repeat(" ", 99)+"}")
	if w.Code != 400 || !strings.Contains(w.Body.String(), `InvalidInputException","message":"The request body is larger than 100 bytes."`) {
		t.Errorf("a body of 101 bytes answers %d %s, want InvalidInputException", w.Code, w.Body)
	}
}

func TestContentTypes(t *testing.T) {
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"Content-Type", "application/x-amz-json-1.1", 200},
		{"Content-Type", "application/json; charset=utf-8", 200},
		{"Content-Type", "application/x-www-form-urlencoded", 200}, // what curl -d says
		{"Content-Type", "", 200},
		{"Content-Type", "//", 200},
		{"Content-Type", "multipart/form-data; boundary=x", 400},
		{"Content-Type", "application/soap+xml", 400},
		{"Content-Type", "text/html", 400},
		{"Content-Encoding", "identity", 200},
		{"Content-Encoding", "gzip", 400},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
		r.Header.Set("X-Amz-Target", "AmazonPersonalize.ListRecipes")
		r.Header.Set(c.header, c.value)
		if w := send(serve(&double{}), r); w.Code != c.status {
			t.Errorf("%s %q answers %d %s, want %d", c.header, c.value, w.Code, w.Body, c.status)
		}
	}
}

// TestBrokenBody checks that a client that goes away in the middle is no error of the server's.
func TestBrokenBody(t *testing.T) {
	r := httptest.NewRequest("POST", "/", broken{})
	r.Header.Set("X-Amz-Target", "AmazonPersonalize.ListRecipes")
	if w := send(serve(&double{}), r); w.Code != 400 {
		t.Errorf("got %d %s, want 400", w.Code, w.Body)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// TestDone checks what the log and the metrics learn.
func TestDone(t *testing.T) {
	var log bytes.Buffer
	var done []string
	h := NewHandler(api.Bind(&double{}), Options{
		Log:     slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Account: func(context.Context) string { return "111122223333" },
		OnDone:  func(op string, status int, d time.Duration) { done = append(done, fmt.Sprint(op, " ", status)) },
	})
	ask(h, "ListRecipes", `{"colour":"blue"}`)
	ask(h, "CreateCampaign", `{}`)
	ask(h, "Nonsense", `{}`)
	if got, want := strings.Join(done, ", "), "ListRecipes 200, CreateCampaign 501, Unknown 400"; got != want {
		t.Errorf("OnDone heard %s, want %s", got, want)
	}
	for _, want := range []string{`"members":["colour"]`, `"account":"111122223333"`, `"operation":"ListRecipes","status":200`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, log.String())
		}
	}
}

// TestRequestID checks that a request keeps the id it came with and gets one otherwise.
func TestRequestID(t *testing.T) {
	r := httptest.NewRequest("GET", "/nowhere", nil)
	r = r.WithContext(WithRequestID(r.Context(), "given"))
	if got := send(serve(&double{}), r).Header().Get("x-amzn-RequestId"); got != "given" {
		t.Errorf("request id = %q, want the one from the context", got)
	}
	first, second := ask(serve(&double{}), "ListRecipes", ""), ask(serve(&double{}), "ListRecipes", "")
	a, b := first.Header().Get("x-amzn-RequestId"), second.Header().Get("x-amzn-RequestId")
	if uuid.Validate(a) != nil || uuid.Validate(b) != nil || a == b {
		t.Errorf("request ids = %q, %q, want two different UUIDs", a, b)
	}
}

func TestWriteError(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/events", nil)
	WriteError(w, r, ProtocolOf(r), &exception{"IncompleteSignature", 400, "No Credential."})
	if w.Code != 400 || w.Header().Get("x-amzn-ErrorType") != "IncompleteSignature" || w.Body.String() != `{"message":"No Credential."}` {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	if uuid.Validate(w.Header().Get("x-amzn-RequestId")) != nil {
		t.Errorf("request id = %q, want a UUID", w.Header().Get("x-amzn-RequestId"))
	}
}

func TestCoverage(t *testing.T) {
	seen := Exercised{
		Outcomes: map[string][]string{"CreateSolution": {Succeeds, Validates, MissesParent}, "ListSchemas": {Succeeds, Validates, ChecksToken}},
		Clients:  map[string][]string{"boto3": {"CreateSolution"}, "aws-cli": {"CreateSolution", "ListSchemas"}},
	}
	text := string(Coverage(api.Bind(&double{}), seen))
	for _, want := range []string{
		fmt.Sprintf("answers 12 of %d operations", len(api.Operations)),
		"| personalize | CreateSolution | implemented | type, required, length, pattern, enum, range, size | not seen: state, taken | aws-cli, boto3 |",
		"| personalize | CreateCampaign | answers `NotImplementedException` | – | – | – |",
		"| personalize-events | PutEvents | implemented | type, required, length, pattern, size |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("coverage lacks %q:\n%s", want, text)
		}
	}
	if got := strings.Count(text, "\n| personalize"); got != len(api.Operations) {
		t.Errorf("coverage has %d rows, want one for each of %d operations", got, len(api.Operations))
	}
}
