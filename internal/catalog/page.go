package catalog

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	// DefaultPage is how many records a page holds when the caller does not say.
	DefaultPage = 100
	// MaxToken bounds a page token, in characters: the API's limit.
	MaxToken = 1500

	tokenSecret = "page-token"
	macSize     = 16
)

// Page returns one page of what q selects and the token of the next page, "" on the last. q.Limit and
// q.After are set from maxResults (DefaultPage if nil) and token.
//
// A token is a position signed for the list it was given out for: another account, kind, parent,
// status filter or order refuses it with fault.BadToken, as it does anything else this installation
// did not give out. The page size may change from page to page. Tokens do not expire.
func Page(ctx context.Context, s Store, q Query, token string, maxResults *int32) (page []Record, next string, err error) {
	q.Limit, q.After = DefaultPage, ""
	if maxResults != nil {
		q.Limit = max(1, int(*maxResults))
	}
	key, err := s.Secret(ctx, tokenSecret)
	if err != nil {
		return nil, "", fmt.Errorf("page: %w", err)
	}
	if token != "" {
		if q.After, err = openToken(key, q, token); err != nil {
			return nil, "", err
		}
	}
	page, after, err := s.List(ctx, q)
	if err != nil || after == "" {
		return page, "", err
	}
	next = sealToken(key, q, after)
	if len(next) > MaxToken {
		return nil, "", fmt.Errorf("page: a token of %d characters for position %q", len(next), after)
	}
	return page, next, nil
}

// sealToken writes the first bytes of the signature and then the position, in URL-safe base64.
func sealToken(key []byte, q Query, after string) string {
	return base64.RawURLEncoding.EncodeToString(append(tokenMAC(key, q, after), after...))
}

// openToken returns the position in a token that sealToken made for the same list.
func openToken(key []byte, q Query, token string) (after string, err error) {
	if len(token) > MaxToken {
		return "", badToken()
	}
	// Strict: a token has one spelling, so that changing any bit of it is found.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= macSize {
		return "", badToken()
	}
	after = string(raw[macSize:])
	if !hmac.Equal(raw[:macSize], tokenMAC(key, q, after)) {
		return "", badToken()
	}
	return after, nil
}

// tokenMAC signs a position together with what it was given out for. Every part is preceded by its
// length, so that no two lists are spelled alike.
func tokenMAC(key []byte, q Query, after string) []byte {
	order := "oldest"
	if q.Newest {
		order = "newest"
	}
	status := slices.Sorted(slices.Values(q.Status))
	parts := append([]string{q.Account, q.Kind, string(q.Parent), order, after}, status...)
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(p))))
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)[:macSize]
}
