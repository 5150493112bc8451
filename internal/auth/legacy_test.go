package auth_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/auth"
)

// The presigned address in Amazon's documentation of Signature Version 2, with its bucket in the path.
const puppy = "http://s3.amazonaws.com/johnsmith/photos/puppy.jpg?AWSAccessKeyId=" + exampleKey +
	"&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"

func TestLegacyPresigned(t *testing.T) {
	end := time.Unix(1175139620, 0)
	v := exampleVerifier(t)
	for _, c := range []struct {
		what, method, address string
		now                   time.Time
		want                  auth.Reason
		ok                    bool
	}{
		{"as documented", "GET", puppy, end.Add(-time.Hour), 0, true},
		{"a narrowing parameter", "GET", puppy + "&x-id=GetObject", end.Add(-time.Hour), 0, true},
		{"too late", "GET", puppy, end.Add(time.Second), auth.Expired, false},
		{"another method", "PUT", puppy, end.Add(-time.Hour), auth.Mismatch, false},
		{"another key", "GET", strings.Replace(puppy, "puppy", "kitty", 1), end.Add(-time.Hour), auth.Mismatch, false},
		{"a later end", "GET", strings.Replace(puppy, "1175139620", "1175139621", 1), end.Add(-time.Hour), auth.Mismatch, false},
		{"a signed parameter", "GET", puppy + "&acl", end.Add(-time.Hour), auth.Mismatch, false},
		{"an unsigned parameter", "GET", puppy + "&retention", end.Add(-time.Hour), auth.Unsigned, false},
		{"a parameter that becomes a header", "GET", puppy + "&X-Amz-Meta-A=b", end.Add(-time.Hour), auth.Unsigned, false},
		{"the key twice", "GET", puppy + "&AWSAccessKeyId=x", end.Add(-time.Hour), auth.Incomplete, false},
		{"an unknown key", "GET", strings.Replace(puppy, exampleKey, "NOBODY", 1), end.Add(-time.Hour), auth.UnknownKey, false},
		{"no end", "GET", strings.Replace(puppy, "Expires", "Expired", 1), end.Add(-time.Hour), auth.Incomplete, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			v.Now = func() time.Time { return c.now }
			caller, err := verify(v, httptest.NewRequest(c.method, c.address, nil))
			switch {
			case c.ok && (err != nil || caller.Account != auth.DefaultAccount):
				t.Errorf("Verify = %+v, %v; want it accepted", caller, err)
			case !c.ok && !auth.IsReason(err, c.want):
				t.Errorf("Verify = %v, want reason %d", err, c.want)
			}
		})
	}
}

// Behind the front nothing of a signature is left, and what stood for a header is one.
func TestStripQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                   "",
		"prefix=a&list-type=2":               "prefix=a&list-type=2",
		"X-Amz-Signature=s&X-Amz-Date=d&acl": "acl",
		"AWSAccessKeyId=k&Signature=s&Expires=1&versionId=v": "versionId=v",
		"Expires=1&Signature=x":                              "Expires=1&Signature=x",
		"X-Amz-Meta-A=b%20c&X-Amz-Signature=s":               "|X-Amz-Meta-A: b c",
	} {
		headers := ""
		got := auth.StripQuery(raw, func(h, v string) { headers += "|" + h + ": " + v })
		if got+headers != want {
			t.Errorf("StripQuery(%q) = %q, want %q", raw, got+headers, want)
		}
	}
}
