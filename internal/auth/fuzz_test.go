package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/auth"
)

// FuzzParse feeds the parser headers and queries: it gives a signature with every part in its form
// or an *auth.Error, and what it accepts without the secret is never verified.
func FuzzParse(f *testing.F) {
	good := "AWS4-HMAC-SHA256 Credential=" + keyID + "/20260304/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("ab", 32)
	f.Add(good, "20260304T120000Z", "")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+keyID+"%2F20260304%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260304T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="+strings.Repeat("0", 64))
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c,SignedHeaders=;,Signature=", "Wed, 04 Mar 2026 12:00:00 GMT", "X-Amz-Credential=%zz")
	f.Add("", "", "AWSAccessKeyId="+keyID+"&Signature=abc%3D&Expires=1999999999&acl")
	v := verifier(f, noon)
	f.Fuzz(func(t *testing.T, header, date, query string) {
		r := &http.Request{Method: "GET", Host: "kindred.example", Header: http.Header{}, URL: &url.URL{Path: "/", RawQuery: query}}
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		r.Header.Set("X-Amz-Date", date)
		s, err := auth.Parse(r)
		if err != nil {
			e, ok := err.(*auth.Error)
			if !ok || e.Sentence == "" {
				t.Fatalf("Parse(%q, %q) = %v, want an *auth.Error with a sentence", header, query, err)
			}
			return
		}
		whole := s.Legacy || len(s.Value) == 64 && s.Time.Format("20060102") == s.Date
		if s.AccessKeyID == "" || s.Region == "" || s.Service == "" || s.Value == "" || !whole {
			t.Fatalf("Parse(%q, %q) = %+v, want every part", header, query, s)
		}
		if _, err := v.Verify(r, s, 1<<10); err == nil {
			t.Fatalf("Verify(%q, %q) accepts a signature made without the secret", header, query)
		}
	})
}
