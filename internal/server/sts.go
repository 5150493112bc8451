package server

import (
	"context"
	"net/url"

	"github.com/kindredrec/kindred/internal/auth"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

func stsOperations() map[string]operation {
	return map[string]operation{"GetCallerIdentity": getCallerIdentity}
}

// getCallerIdentity tells the account. A key acts for its whole account, which AWS calls the root.
func getCallerIdentity(ctx context.Context, _ url.Values) (any, error) {
	caller, _ := auth.From(ctx)
	return struct {
		Arn     string
		UserId  string //nolint:revive // as the element is spelled
		Account string
	}{"arn:aws:iam::" + caller.Account + ":root", caller.Account, caller.Account}, nil
}
