package conformance

import (
	"context"
	"sync"
	"testing"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/fault"
)

// Every call passes the one authorisation point, with its action and the resource it names, before anything is
// done or told.
func TestAuthorization(t *testing.T) {
	type question struct{ account, action, resource string }
	var mu sync.Mutex
	var asked []question
	deny := func(ctx context.Context, action, resource string) error {
		caller, _ := auth.From(ctx)
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, question{caller.Account, action, resource})
		return fault.Newf(fault.Denied, "User %s is not authorized to perform %s on resource %s.", caller.AccessKeyID, action, resource)
	}
	c, _, _ := start(t, t.TempDir(), func(c *app.Config) { c.Authorize = deny })
	for _, op := range answered() {
		in := sample(op.InputShape)
		asked = nil
		b, err := c.send(t.Context(), op.Name, mustJSON(t, in), nil)
		if err != nil || b.status != 400 || b.kind != "AccessDeniedException" {
			t.Errorf("%s that is not allowed = %s, %v, want 400 AccessDeniedException", op.Name, b, err)
		}
		want := question{account: c.account, action: "personalize:" + op.Name}
		if len(named(op)) > 0 {
			want.resource = samples["Arn"].(string)
		}
		if len(asked) != 1 || asked[0] != want {
			t.Errorf("%s asked %v, want %v once", op.Name, asked, want)
		}
	}
}
