// Package wiretest plays conversations: text files that hold requests as they travel and the replies
// that are expected, so that what the wire looks like can be read and reviewed.
//
//	A service with no recipes still answers with a list.
//	-- ListRecipes --
//	POST / HTTP/1.1
//	X-Amz-Target: AmazonPersonalize.ListRecipes
//
//	{}
//	-- reply --
//	HTTP/1.1 200 OK
//	Content-Type: application/x-amz-json-1.1
//
//	{"recipes":[]}
//
// What stands before the first request says what is shown. A request's title is for the reader and
// for failures. Replies show the headers that mean something to a client; the request id is checked
// but not shown. With -update the tests write the replies that came instead of comparing.
package wiretest

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "rewrite the replies in conversations")

// An Exchange is one request and its reply.
type Exchange struct {
	Title   string
	Request string // request line, headers, an empty line, body
	Reply   string
}

// A Conversation is a sequence of exchanges.
type Conversation struct {
	Comment   string
	Exchanges []Exchange
}

var marker = regexp.MustCompile(`^-- (.+) --$`)

// Parse reads a conversation. Every request must be followed by a section titled reply, which may
// be missing only at the end of a file that is still to be written.
func Parse(text string) (Conversation, error) {
	var c Conversation
	into := &c.Comment
	for line := range strings.Lines(text) {
		m := marker.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		switch {
		case m == nil:
			*into += line
		case m[1] != "reply":
			c.Exchanges = append(c.Exchanges, Exchange{Title: m[1]})
			into = &c.Exchanges[len(c.Exchanges)-1].Request
		case len(c.Exchanges) == 0 || c.Exchanges[len(c.Exchanges)-1].Reply != "":
			return c, fmt.Errorf("a reply without a request before it")
		default:
			into = &c.Exchanges[len(c.Exchanges)-1].Reply
		}
	}
	return c, nil
}

// String writes a conversation as Parse reads it.
func (c Conversation) String() string {
	var b strings.Builder
	b.WriteString(c.Comment)
	for _, e := range c.Exchanges {
		fmt.Fprintf(&b, "-- %s --\n%s-- reply --\n%s", e.Title, e.Request, e.Reply)
	}
	return b.String()
}

// A Player plays conversations against a handler.
type Player struct {
	Handler http.Handler
	Prepare func(*http.Request)       // signs a request, say; may be nil
	Scrub   func(reply string) string // replaces what differs from run to run; may be nil
}

// PlayAll plays every file that matches the pattern, each as a subtest.
func (p Player) PlayAll(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations at %s: %v", pattern, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), filepath.Ext(f)), func(t *testing.T) { p.Play(t, f) })
	}
}

// Play plays one file, request after request, and compares or, with -update, rewrites the replies.
func (p Player) Play(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(string(text))
	if err != nil || len(c.Exchanges) == 0 {
		t.Fatalf("%s: no conversation: %v", file, err)
	}
	for i := range c.Exchanges {
		e := &c.Exchanges[i]
		got := p.exchange(t, e)
		if *update {
			e.Reply = got
		} else if diff := cmp.Diff(e.Reply, got); diff != "" {
			t.Errorf("%s: %s: reply differs (- expected, + came):\n%s", file, e.Title, diff)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(c.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// exchange sends a request and returns the reply as text.
func (p Player) exchange(t *testing.T, e *Exchange) string {
	t.Helper()
	r, err := parseRequest(e.Request)
	if err != nil {
		t.Fatalf("%s: %v", e.Title, err)
	}
	if p.Prepare != nil {
		p.Prepare(r)
	}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, r)
	if id := w.Header().Get("x-amzn-RequestId"); uuid.Validate(id) != nil {
		t.Errorf("%s: x-amzn-RequestId is %q, want a UUID", e.Title, id)
	}
	reply := times.ReplaceAllString(render(w.Result()), `$1<time>`)
	if p.Scrub != nil {
		reply = p.Scrub(reply)
	}
	return reply
}

// times finds the values of members like creationDateTime.
var times = regexp.MustCompile(`("[A-Za-z]*DateTime":)-?[0-9.]+`)

// parseRequest reads a request. Its body is what follows the empty line, without the last newline.
func parseRequest(text string) (*http.Request, error) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	var method, target string
	if n, _ := fmt.Sscanf(lines[0], "%s %s HTTP/1.1", &method, &target); n != 2 {
		return nil, fmt.Errorf("expected a request line, found %q", lines[0])
	}
	r := httptest.NewRequest(method, target, strings.NewReader(strings.TrimSuffix(body, "\n")))
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("expected a header, found %q", l)
		}
		r.Header.Add(name, strings.TrimSpace(value))
	}
	return r, nil
}

// render writes a reply: the status, the headers that matter, the body.
func render(r *http.Response) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\n", r.StatusCode, http.StatusText(r.StatusCode))
	for _, name := range []string{"Content-Type", "x-amzn-ErrorType"} {
		if v := r.Header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	b.WriteByte('\n')
	body, _ := io.ReadAll(r.Body) // a recorder's body does not fail
	b.Write(body)
	if len(body) > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}
