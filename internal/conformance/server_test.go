// Package conformance examines the control plane over HTTP and nothing else: a whole server in this process,
// raw signed requests, and the service's own model as the judge of what they may hold and what must come back.
//
// What can be derived is: each constraint of the model broken once, each parent missing or of another kind or
// account, what Create accepted compared with what Describe returns. A table holds only values that the model
// cannot give (values_test.go) and what brings a resource into the wrong state (state_test.go).
package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/service"
)

const region = "us-east-1"

// A caller is somebody with an access key, at a server.
type caller struct {
	url     string
	creds   aws.Credentials
	account string
	http    *http.Client
}

// The callers of every server: two accounts that must not see each other.
var keys = []struct{ id, secret, account string }{
	{"AKIACONFORMANCE00001", "first secret", "111122223333"},
	{"AKIACONFORMANCE00002", "second secret", "444455556666"},
}

// start runs a server on a folder until the test ends or stop is called.
func start(t testing.TB, dir string, change func(*app.Config)) (first, second *caller, stop func()) {
	t.Helper()
	type key struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
		Account         string `json:"account"`
	}
	var file struct {
		Keys []key `json:"keys"`
	}
	for _, k := range keys {
		file.Keys = append(file.Keys, key{k.id, k.secret, k.account})
	}
	b, err := json.Marshal(file)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, app.KeyFile), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := app.Config{Listen: "127.0.0.1:0", Data: dir, Region: region, Quotas: service.DefaultQuotas(), MinInteractions: 100, MinUsers: 5}
	if change != nil {
		change(&c)
	}
	a, err := app.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 2000, MaxIdleConnsPerHost: 2000}}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	t.Cleanup(stop)
	list := make([]*caller, len(keys))
	for i, k := range keys {
		list[i] = &caller{url: a.URL(), creds: aws.Credentials{AccessKeyID: k.id, SecretAccessKey: k.secret}, account: k.account, http: client}
	}
	return list[0], list[1], stop
}

// s3 is a client of the same server's S3.
func (c *caller) s3() *clienttest.Client {
	return clienttest.New(c.url, region, c.creds.AccessKeyID, c.creds.SecretAccessKey)
}

// A reply is what came back.
type reply struct {
	status int
	kind   string // of the exception, "" on success
	text   string // the exception's message
	body   map[string]any
	raw    string
}

func (r reply) String() string { return fmt.Sprintf("%d %.600s", r.status, r.raw) }

// send posts a body to an operation as it is and notes the outcome.
func (c *caller) send(ctx context.Context, op string, body []byte, change func(*http.Request)) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonPersonalize."+op)
	if change != nil {
		change(r)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, c.creds, r, hex.EncodeToString(sum[:]), "personalize", region, time.Now()); err != nil {
		return reply{}, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	out := reply{status: resp.StatusCode, raw: string(raw)}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out.body); err != nil {
			return out, fmt.Errorf("%s answers %d with a body that is no JSON object: %.200s", op, out.status, raw)
		}
	}
	if out.status != http.StatusOK {
		out.kind, _ = out.body["__type"].(string)
		out.text, _ = out.body["message"].(string)
	}
	outcomes.note(op, out)
	return out, nil
}

// call sends a request and checks what holds for every answer.
func (c *caller) call(t testing.TB, op string, in any) reply {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.send(t.Context(), op, b, nil)
	if err != nil {
		t.Fatalf("%s %.300s: %v", op, b, err)
	}
	checkReply(t, op, string(b), r)
	return r
}

// checkReply checks what holds for every answer: no failure of the server, an exception that the operation
// models with a message, and nothing absent that is sent as null.
func checkReply(t testing.TB, op, in string, r reply) {
	t.Helper()
	switch {
	case r.status == http.StatusOK:
		if path := findNull(r.body, ""); path != "" {
			t.Errorf("%s %.300s: %s is null in %s", op, in, path, r)
		}
	case r.status == http.StatusNotImplemented && strings.HasPrefix(r.text, "Kindred "):
		// An honest refusal of what a member asks for; TestEcho has the list of them.
	case r.status >= 500:
		t.Errorf("%s %.300s = %s, which is a failure of the server", op, in, r)
	case !modelled(op, r.kind) || r.text == "" || len(r.body) != 2:
		t.Errorf("%s %.300s = %s, want an exception of the operation with a message and nothing else", op, in, r)
	}
}

// modelled reports whether an operation may answer with an exception: one of its model, or those that every
// operation has for input that breaks the model.
func modelled(op, kind string) bool {
	o := api.Find(op)
	return o == nil || o.Models(kind) || kind == "InvalidInputException" || kind == "SerializationException"
}

func findNull(v any, path string) string {
	switch v := v.(type) {
	case nil:
		return path
	case map[string]any:
		for k, x := range v {
			if p := findNull(x, path+"."+k); p != "" {
				return p
			}
		}
	case []any:
		for i, x := range v {
			if p := findNull(x, fmt.Sprintf("%s[%d]", path, i)); p != "" {
				return p
			}
		}
	}
	return ""
}

// ok calls an operation that must succeed.
func (c *caller) ok(t testing.TB, op string, in any) map[string]any {
	t.Helper()
	r := c.call(t, op, in)
	if r.status != http.StatusOK {
		b, _ := json.Marshal(in)
		t.Fatalf("%s %s = %s, want success", op, b, r)
	}
	return r.body
}

// refused calls an operation that must answer with an exception whose message holds a text.
func (c *caller) refused(t testing.TB, kind, text, op string, in any) {
	t.Helper()
	if r := c.call(t, op, in); r.kind != kind || !strings.Contains(r.text, text) {
		b, _ := json.Marshal(in)
		t.Errorf("%s %.500s = %s, want %s with %q", op, b, r, kind, text)
	}
}

// request is a request's members.
type request = map[string]any

var serial atomic.Int64

// fresh returns a name that nothing has yet.
func fresh(prefix string) string { return fmt.Sprintf("%s-%d", prefix, serial.Add(1)) }

// answered are the operations of the control plane that the server has, in the order of the model.
func answered() []*api.Operation {
	handlers := api.Bind(&service.Service{})
	var list []*api.Operation
	for i := range api.Operations {
		op := &api.Operations[i]
		if _, ok := handlers[op.Name]; ok && op.Service == "personalize" {
			list = append(list, op)
		}
	}
	return list
}

func has(op string) bool {
	_, ok := api.Bind(&service.Service{})[op]
	return ok
}

// TestMain also keeps the record of what was exercised. The embedded S3 is this binary, started again.
func TestMain(m *testing.M) {
	gateway.Main()
	status := m.Run()
	if status == 0 {
		status = outcomes.finish()
	}
	os.Exit(status)
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
