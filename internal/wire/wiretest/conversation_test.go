package wiretest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const told = `What is shown.
-- One --
POST /a?x=1 HTTP/1.1
X-Amz-Target: T.One

{"a":
 1}
-- reply --
HTTP/1.1 200 OK
Content-Type: text/plain

POST /a?x=1 T.One {"a":
 1} "creationDateTime":<time>
-- Two --
GET /b HTTP/1.1

-- reply --
HTTP/1.1 200 OK
Content-Type: text/plain

GET /b   "creationDateTime":<time>
`

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("x-amzn-RequestId", uuid.NewString())
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "%s %s %s %s \"creationDateTime\":1754300001.112", r.Method, r.URL, r.Header.Get("X-Amz-Target"), body)
}

func write(t *testing.T, text string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "c.txt")
	if err := os.WriteFile(f, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPlay(t *testing.T) {
	if *update {
		t.Skip("plays with -update itself; run without the flag")
	}
	Player{Handler: http.HandlerFunc(echo)}.Play(t, write(t, told))
}

// TestUpdate checks that a file without replies is completed to the full conversation.
func TestUpdate(t *testing.T) {
	was := *update
	*update = true
	defer func() { *update = was }()
	bare := told
	for _, reply := range strings.Split(told, "-- reply --\n")[1:] {
		reply, _, _ = strings.Cut(reply, "-- Two --")
		bare = strings.Replace(bare, "-- reply --\n"+reply, "", 1)
	}
	if strings.Contains(bare, "reply") {
		t.Fatalf("the bare file still has replies:\n%s", bare)
	}
	f := write(t, bare)
	Player{Handler: http.HandlerFunc(echo)}.Play(t, f)
	if got, err := os.ReadFile(f); err != nil || string(got) != told {
		t.Errorf("rewritten to\n%s\n%v, want\n%s", got, err, told)
	}
}

func TestParse(t *testing.T) {
	c, err := Parse(told)
	if err != nil || c.String() != told {
		t.Errorf("Parse and String give %q, %v, want the same text", c, err)
	}
	for _, bad := range []string{"-- reply --\nx\n", told + "-- reply --\nx\n"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("Parse took a reply without a request: %q", bad)
		}
	}
	for _, bad := range []string{"", "POST\n", "GET / HTTP/1.1\nnonsense\n\n"} {
		if _, err := parseRequest(bad); err == nil {
			t.Errorf("parseRequest took %q", bad)
		}
	}
}
