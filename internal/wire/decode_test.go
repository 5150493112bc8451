package wire

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/fault"
)

// TestRules checks every kind of rule on an operation that has it, each with a body that keeps all
// other rules. Want is the whole message, "" if the body is fine.
func TestRules(t *testing.T) {
	const (
		one    = "1 validation error detected: "
		fails  = " failed to satisfy constraint: Member must "
		arn    = `"arn:aws:personalize:us-east-1:000000000000:solution/s/1"`
		group  = `"datasetGroupArn":"arn:aws:personalize:us-east-1:000000000000:dataset-group/g"`
		role   = `"arn:aws:iam::000000000000:role/r"`
		batch  = `"solutionVersionArn":` + arn + `,"jobInput":{"s3DataSource":{"path":"s3://b/i"}},"jobOutput":{"s3DataDestination":{"path":"s3://b/o/"}},"roleArn":` + role
		event  = `{"eventType":"click","sentAt":1754300001`
		events = `{"trackingId":"t","sessionId":"s","eventList":[`
	)
	long := strings.Repeat("x", 64)
	for _, c := range []struct{ op, body, want string }{
		// required
		{"CreateSolution", `{"name":"s",` + group + `}`, ""},
		{"CreateSolution", `{` + group + `}`, one + "Value null at 'name'" + fails + "not be null"},
		{"CreateSolution", `{"name":null,` + group + `}`, one + "Value null at 'name'" + fails + "not be null"},
		{"CreateSolution", `{}`, "2 validation errors detected: Value null at 'datasetGroupArn'" + fails + "not be null; Value null at 'name'" + fails + "not be null"},
		{"CreateSolution", ``, "2 validation errors detected: Value null at 'datasetGroupArn'" + fails + "not be null; Value null at 'name'" + fails + "not be null"},
		{"CreateSolution", `{"Name":"s",` + group + `}`, one + "Value null at 'name'" + fails + "not be null"},
		{"UpdateMetricAttribution", `{}`, one + "Value null at 'metricAttributionArn'" + fails + "not be null"},
		{"CreateBatchInferenceJob", `{"jobName":"j",` + batch + `}`, ""},
		{"CreateBatchInferenceJob", `{"jobName":"j",` + strings.Replace(batch, `"path":"s3://b/i"`, ``, 1) + `}`,
			one + "Value null at 'jobInput.s3DataSource.path'" + fails + "not be null"},

		// length in characters, pattern
		{"CreateSolution", `{"name":"` + long[:63] + `",` + group + `}`, ""},
		{"CreateSolution", `{"name":"` + long + `",` + group + `}`, one + "Value '" + long + "' at 'name'" + fails + "have length less than or equal to 63"},
		{"CreateSolution", `{"name":"",` + group + `}`, "2 validation errors detected: Value '' at 'name'" + fails + "have length greater than or equal to 1; " +
			`Value '' at 'name'` + fails + `satisfy regular expression pattern: ^[a-zA-Z0-9][a-zA-Z0-9\-_]*`},
		{"CreateSolution", `{"name":"a b",` + group + `}`, one + `Value 'a b' at 'name'` + fails + `satisfy regular expression pattern: ^[a-zA-Z0-9][a-zA-Z0-9\-_]*`},
		{"CreateSolution", `{"name":"s\n",` + group + `}`, one + "Value 's\n' at 'name'" + fails + `satisfy regular expression pattern: ^[a-zA-Z0-9][a-zA-Z0-9\-_]*`},
		{"ListRecipes", `{"nextToken":"` + strings.Repeat("t", 1500) + `"}`, ""},
		{"ListRecipes", `{"nextToken":"é"}`, one + `Value 'é' at 'nextToken'` + fails + `satisfy regular expression pattern: \p{ASCII}{0,1500}`},
		{"PutEvents", events + event + `,"itemId":"` + strings.Repeat("é", 256) + `"}]}`, ""},
		{"DescribeSchema", `{"schemaArn":"` + strings.Repeat("z", 300) + `"}`, "2 validation errors detected: Value '" + strings.Repeat("z", 256) + "…' at 'schemaArn'" + fails +
			"have length less than or equal to 256; Value '" + strings.Repeat("z", 256) + "…' at 'schemaArn'" + fails + `satisfy regular expression pattern: arn:([a-z\d-]+):personalize:.*:.*:.+`},

		// enum
		{"ListRecipes", `{"domain":"ECOMMERCE"}`, ""},
		{"ListRecipes", `{"domain":"ecommerce"}`, one + "Value 'ecommerce' at 'domain'" + fails + "satisfy enum value set: [ECOMMERCE, VIDEO_ON_DEMAND]"},

		// range
		{"ListRecipes", `{"maxResults":1}`, ""},
		{"ListRecipes", `{"maxResults":1e2}`, ""},
		{"ListRecipes", `{"maxResults":0}`, one + "Value '0' at 'maxResults'" + fails + "have value greater than or equal to 1"},
		{"ListRecipes", `{"maxResults":101}`, one + "Value '101' at 'maxResults'" + fails + "have value less than or equal to 100"},

		// lists and maps
		{"TagResource", `{"resourceArn":` + arn + `,"tags":[]}`, ""},
		{"TagResource", `{"resourceArn":` + arn + `,"tags":[{"tagKey":"a","tagValue":""},{"tagKey":"b"}]}`, one + "Value null at 'tags.2.member.tagValue'" + fails + "not be null"},
		{"TagResource", `{"resourceArn":` + arn + `,"tags":[null]}`, one + "Value null at 'tags.1.member'" + fails + "not be null"},
		{"TagResource", `{"resourceArn":` + arn + `,"tags":[` + strings.TrimSuffix(strings.Repeat(`{"tagKey":"a","tagValue":"b"},`, 201), ",") + `]}`,
			one + "Value '[201 members]' at 'tags'" + fails + "have length less than or equal to 200"},
		{"PutEvents", events + `]}`, one + "Value '[0 members]' at 'eventList'" + fails + "have length greater than or equal to 1"},
		{"GetRecommendations", `{"context":{"DEVICE":"phone"}}`, ""},
		{"GetRecommendations", `{"context":{"DEVICE":null}}`, one + "Value null at 'context.DEVICE'" + fails + "not be null"},
		{"GetRecommendations", `{"context":{"a b":"phone"}}`, one + `Value 'a b' at 'context' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [A-Za-z\d_]+]`},
		{"GetRecommendations", `{"metadataColumns":{"ITEMS":["a"],"USERS":["b"]}}`, one + "Value '{2 members}' at 'metadataColumns'" + fails + "have length less than or equal to 1"},

		// sensitive values stay out of messages
		{"TagResource", `{"resourceArn":` + arn + `,"tags":[{"tagKey":"pass*word","tagValue":""}]}`,
			one + `Value '***' at 'tags.1.member.tagKey'` + fails + `satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`},

		// strings that hold JSON
		{"PutEvents", events + event + `,"properties":"{\"a\":1}"}]}`, ""},
		{"PutEvents", events + event + `,"properties":{"a":1}}]}`, ""},
		{"PutEvents", events + event + `,"properties":""}]}`, one + "Value '***' at 'eventList.1.member.properties'" + fails + "have length greater than or equal to 1"},
		{"PutEvents", events + event + `,"properties":{"a":"` + strings.Repeat("b", 1024) + `"}}]}`, one + "Value '***' at 'eventList.1.member.properties'" + fails + "have length less than or equal to 1024"},

		// wrong types
		{"CreateSolution", `[]`, "The request body must be an object, not a list."},
		{"CreateSolution", `null`, "The request body must be an object, not null."},
		{"CreateSolution", `{"name":5}`, "Member 'name' must be a string, not 5."},
		{"CreateSolution", `{"performHPO":"true"}`, "Member 'performHPO' must be true or false, not a string."},
		{"CreateSolution", `{"solutionConfig":[]}`, "Member 'solutionConfig' must be an object, not a list."},
		{"CreateSolution", `{"tags":{}}`, "Member 'tags' must be a list, not an object."},
		{"CreateSolution", `{"tags":[true]}`, "Member 'tags.1.member' must be an object, not true."},
		{"CreateSolution", `{"solutionConfig":{"algorithmHyperParameters":{"k":1}}}`, "Member 'solutionConfig.algorithmHyperParameters.k' must be a string, not 1."},
		{"ListRecipes", `{"maxResults":1.5}`, "Member 'maxResults' must be a 32-bit integer, not 1.5."},
		{"ListRecipes", `{"maxResults":2147483648}`, "Member 'maxResults' must be a 32-bit integer, not 2147483648."},
		{"ListRecipes", `{"maxResults":1e999}`, "Member 'maxResults' must be a 32-bit integer, not 1e999."},
		{"ListRecipes", `{"maxResults":"5"}`, "Member 'maxResults' must be a 32-bit integer, not a string."},
		{"PutEvents", events + event + `,"eventValue":1e39}]}`, "Member 'eventList.1.member.eventValue' must be a number, not 1e39."},
		{"PutEvents", events + `{"eventType":"click","sentAt":"2024-01-01"}]}`, "Member 'eventList.1.member.sentAt' must be a number of seconds since 1970, not a string."},
		{"PutEvents", events + `{"eventType":"click","sentAt":1e16}]}`, "Member 'eventList.1.member.sentAt' must be a number of seconds since 1970, not 1e16."},
		{"PutEvents", events + `{"eventType":"click","sentAt":1754300001112}]}`, ""}, // milliseconds by mistake: ingestion can say so
		{"PutEvents", events + event + `,"properties":[1]}]}`, "Member 'eventList.1.member.properties' must be a string, not a list."},

		// text that is no JSON
		{"ListRecipes", `{`, "The request body is not valid JSON: unexpected end of JSON input at byte 1."},
		{"ListRecipes", `{} x`, "The request body is not valid JSON: invalid character 'x' after top-level value at byte 4."},
		{"ListRecipes", `{'a':1}`, `The request body is not valid JSON: invalid character '\'' looking for beginning of object key string at byte 2.`},
		{"ListRecipes", "{\"nextToken\":\"\xff\"}", "The request body is not valid UTF-8."},
		{"ListRecipes", `{"nextToken":"\ud800"}`, "A string in 'nextToken' has half a surrogate pair."},
		{"ListRecipes", `{"maxResults":1,"maxResults":2}`, "Member 'maxResults' occurs twice."},
		{"ListRecipes", `{"colour":{"a":1,"\u0061":2}}`, "Member 'colour.a' occurs twice."},
		{"ListRecipes", `{"colour":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, ""},
		{"ListRecipes", `{"colour":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "The request body is nested more than 64 levels deep."},
		{"ListRecipes", strings.Repeat("[", 20000), "The request body is not valid JSON: invalid character '[' exceeded max depth at byte 10001."},
		{"ListRecipes", `{"colour":"blue","Maxresults":"many"}`, ""},
	} {
		_, err := decode(t, c.op, c.body)
		got := ""
		if err != nil {
			got = fault.Sentence(err)
		}
		if got != c.want {
			t.Errorf("%s %s\n got  %s\n want %s", c.op, cut(c.body, 300), got, c.want)
		}
		if k := fault.KindOf(err); err != nil && (k == fault.Invalid) != strings.Contains(c.want, "validation error") {
			t.Errorf("%s %s: kind = %s", c.op, cut(c.body, 300), k)
		}
	}
}

func decode(t testing.TB, name, body string) (in any, err error) {
	t.Helper()
	op := api.Find(name)
	if op == nil {
		t.Fatalf("no operation %s", name)
	}
	in = op.NewInput()
	_, err = Decode(op, []byte(body), in)
	return in, err
}

// TestManyViolations checks that a message stays short however much is wrong.
func TestManyViolations(t *testing.T) {
	_, err := decode(t, "UntagResource", `{"resourceArn":"arn:aws:personalize:us-east-1:0:solution/s","tagKeys":[`+strings.TrimSuffix(strings.Repeat(`"",`, 150), ",")+`]}`)
	got := fault.Sentence(err)
	if !strings.HasPrefix(got, "150 validation errors detected: ") || strings.Count(got, "Value ") != maxReport {
		t.Errorf("got %s, want 150 errors of which %d are spelled out", got, maxReport)
	}
}

// TestDecoded checks what arrives: null is absent, unknown members are reported, numbers take the
// member's type, and an object stands for the string that would hold it.
func TestDecoded(t *testing.T) {
	op, in := api.Find("PutEvents"), new(api.PutEventsRequest)
	_, err := Decode(op, []byte(`{"trackingId":"t","sessionId":"s","userId":null,"TrackingID":7,"eventList":[
		{"eventType":"\u00e9\ud83d\ude00\ufffd","sentAt":1754300001.112,"eventValue":5e-1,"when":{"x":[1,"]"]},
		 "properties":{ "a" : [1, "x y"] },"impression":[]},
		{"eventType":"","sentAt":1}]}`), in)
	if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(fault.Sentence(err), "2 validation errors") {
		t.Errorf("err = %v, want the empty impression and the empty event type", err)
	}
	ignored, err := Decode(op, []byte(`{"trackingId":"t","sessionId":"s","userId":null,"TrackingID":7,"eventList":[
		{"eventType":"\u00e9\ud83d\ude00\ufffd","sentAt":1754300001.112,"eventValue":5e-1,"when":{"x":[1,"]"]},
		 "properties":{ "a" : [1, "x y"] },"impression":["i"]}]}`), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"TrackingID", "eventList.1.member.when"}, ignored); diff != "" {
		t.Errorf("ignored members (- want, + got):\n%s", diff)
	}
	want := `{"eventList":[{"eventType":"é😀�","eventValue":0.5,"impression":["i"],"properties":"{\"a\":[1,\"x y\"]}","sentAt":1754300001.112}],"sessionId":"s","trackingId":"t"}`
	got, err := json.Marshal(in)
	if err != nil || string(got) != want {
		t.Errorf("decoded to %s, %v\nwant %s", got, err, want)
	}
}

// TestEveryInput checks for every operation that a body with all its members passes, fills every
// field, and comes out of the struct as it went in.
func TestEveryInput(t *testing.T) {
	for i := range api.Operations {
		op := &api.Operations[i]
		body := sample(t, op.InputShape, false)
		in := op.NewInput()
		if ignored, err := Decode(op, []byte(body), in); err != nil || len(ignored) > 0 {
			t.Errorf("%s %s: %v, ignored %v", op.Name, body, err, ignored)
			continue
		}
		v := reflect.ValueOf(in).Elem()
		if v.NumField() != len(op.InputShape.Members) {
			t.Errorf("%s has %d fields, want %d", v.Type(), v.NumField(), len(op.InputShape.Members))
		}
		for f := range v.NumField() {
			if v.Field(f).IsZero() {
				t.Errorf("%s.%s is not filled by %s", v.Type(), v.Type().Field(f).Name, body)
			}
		}
		if got, err := json.Marshal(in); err != nil || string(got) != body {
			t.Errorf("%s comes back as %s, %v\nwant %s", op.Name, got, err, body)
		}
	}
}

// patterns has a text for every pattern of the models.
var patterns = []string{
	"Name", "arn:aws:personalize:us-east-1:000000000000:kind/name", "arn:aws:kms:us-east-1:000000000000:key/k",
	"arn:aws:iam::000000000000:role/r", "s3://b/k", "rate(7 days)",
}

// sample writes a value of a shape that keeps all rules.
func sample(t *testing.T, s *api.Shape, jsonValue bool) string {
	t.Helper()
	switch s.Kind {
	case api.Structure:
		var parts []string
		for _, m := range s.Members {
			parts = append(parts, fmt.Sprintf("%q:%s", m.Name, sample(t, m.Shape, m.JSONValue)))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case api.List:
		return "[" + sample(t, s.Elem, false) + "]"
	case api.Map:
		return "{" + sample(t, s.Key, false) + ":" + sample(t, s.Elem, false) + "}"
	case api.Boolean:
		return "true"
	case api.String:
		return sampleText(t, s, jsonValue)
	}
	return "1"
}

func sampleText(t *testing.T, s *api.Shape, jsonValue bool) string {
	t.Helper()
	if jsonValue {
		return `"{\"a\":1}"`
	}
	for _, text := range append(s.Enum, patterns...) {
		if len(textRules(s, text)) == 0 {
			return fmt.Sprintf("%q", text)
		}
	}
	t.Fatalf("no sample fits shape %s with pattern %s", s.Name, s.Pattern)
	return ""
}

// FuzzDecode feeds anything to every operation. A body is accepted or refused with a reason, never
// with an internal error; what is accepted is accepted again in the form it was understood in.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `null`, `{"name":"n","tags":[{"tagKey":"k","tagValue":"v"}]}`, `{"a":{"b":[1,2,{"c":null}]}}`,
		`{"maxResults":1e2,"nextToken":"\ud83d\ude00"}`, `{"eventList":[{"eventType":"x","sentAt":1.5,"properties":{"a":1}}],"trackingId":"t","sessionId":"s"}`,
		`{"solutionConfig":{"trainingDataConfig":{"excludedDatasetColumns":{"ITEMS":["A"]}}}}`, `{"a":1,"a":2}`, "{\"\xff\":1}", `[[[[`, `{"x":"\ud800"}`,
	} {
		for _, op := range []string{"CreateSolution", "PutEvents", "ListRecipes", "GetRecommendations"} {
			f.Add(op, []byte(body))
		}
	}
	h := serve(&double{})
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		op := api.Find(name)
		if op == nil {
			op = &api.Operations[len(body)%len(api.Operations)]
		}
		in := op.NewInput()
		if _, err := Decode(op, body, in); err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.Malformed {
				t.Fatalf("%s: kind = %s: %v", op.Name, k, err)
			}
		} else {
			again(t, op, in)
		}
		r := httptest.NewRequest(op.Method, op.Path, strings.NewReader(string(body)))
		if op.Target != "" {
			r.Header.Set("X-Amz-Target", op.Target)
		}
		buggy := op.Name == "DescribeRecipe" || op.Name == "DescribeAlgorithm" || op.Name == "GetSolutionMetrics"
		if buggy {
			return
		}
		if w := send(h, r); w.Code == 500 {
			t.Fatalf("%s answers 500 to %q", op.Name, body)
		}
	})
}

// again checks that an accepted input, written out, is read as the same input.
func again(t *testing.T, op *api.Operation, in any) {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	second := op.NewInput()
	if _, err := Decode(op, text, second); err != nil {
		t.Fatalf("%s accepted %s only once: %v", op.Name, text, err)
	}
	if diff := cmp.Diff(in, second); diff != "" {
		t.Fatalf("%s reads %s as something else (- before, + after):\n%s", op.Name, text, diff)
	}
}

// BenchmarkDecodeHostile measures bodies of the largest size that are made to be slow.
// The smallest request and a larger one.
func BenchmarkDecode(b *testing.B) {
	const group = `"arn:aws:personalize:us-east-1:123456789012:dataset-group/films"`
	for name, body := range map[string]string{
		"DescribeFilter": `{"filterArn":"arn:aws:personalize:us-east-1:123456789012:filter/unseen-by-the-user"}`,
		"CreateFilter": `{"name":"unseen","datasetGroupArn":` + group + `,"filterExpression":"EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN (\"watch\")",
			"tags":[{"tagKey":"team","tagValue":"films"},{"tagKey":"stage","tagValue":"test"}]}`,
	} {
		op := api.Find(name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(op, []byte(body), op.NewInput()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeHostile(b *testing.B) {
	keys := &strings.Builder{}
	for i := range 70000 {
		fmt.Fprintf(keys, "\"k%07d\":1,", i)
	}
	for _, c := range []struct{ name, op, body string }{
		{"empty strings", "UntagResource", `{"tagKeys":[` + strings.Repeat(`"",`, 340000) + `""]}`},
		{"unknown names", "ListRecipes", `{` + keys.String() + `"z":1}`},
		{"map names", "GetRecommendations", `{"context":{` + strings.ReplaceAll(keys.String(), ":1", `:""`) + `"z":""}}`},
		{"long text", "CreateSolution", `{"name":"` + strings.Repeat("a", 1<<20-20) + `"}`},
		{"long arn", "DescribeSchema", `{"schemaArn":"` + strings.Repeat("arn:aws:personalize:", 50000) + `"}`},
		{"long number", "ListRecipes", `{"maxResults":` + strings.Repeat("9", 1<<20-20) + `}`},
		{"escapes", "ListRecipes", `{"nextToken":"` + strings.Repeat(`\u00e9`, 170000) + `"}`},
		{"lists in lists", "ListRecipes", `{"a":[` + strings.Repeat(strings.Repeat("[", 60)+strings.Repeat("]", 60)+",", 8000) + `1]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				decode(b, c.op, c.body) //nolint:errcheck // only its time matters
			}
		})
	}
}
