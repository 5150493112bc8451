package auth

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The services whose signatures differ in form or in the names of their errors.
const (
	Personalize = "personalize"
	S3          = "s3"
	STS         = "sts"
	IAM         = "iam"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminal   = "aws4_request"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"

	// maxExpires is the longest life of a presigned address.
	maxExpires = 7 * 24 * time.Hour
)

// A Signature is a Signature Version 4 as it came with a request, read but not verified.
type Signature struct {
	AccessKeyID string
	Date        string // yyyymmdd of the credential scope
	Region      string
	Service     string

	SignedHeaders []string // lower case, as listed
	Value         string   // 64 hex digits
	Time          time.Time
	Query         bool          // came in the query: a presigned address
	Expires       time.Duration // of a presigned address, 0 otherwise

	// Legacy tells a presigned S3 address in Signature Version 2. Time is then when it ends, and of
	// the scope only Service means anything.
	Legacy bool
}

// scope is what the signing key is derived for.
func (s *Signature) scope() string {
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminal
}

// Signed reports whether r carries something that claims to be a signature.
func Signed(r *http.Request) bool {
	return r.Header.Get("Authorization") != "" || presigned(r)
}

func presigned(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm=") || strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") || legacy(r.URL.RawQuery)
}

// Parse reads the signature of r from the Authorization header or, for a presigned address, the
// query. The error is an *Error with reason Missing or Incomplete.
func Parse(r *http.Request) (*Signature, error) {
	header := r.Header.Values("Authorization")
	switch {
	case len(header) > 1:
		return nil, incomplete("The request has %s Authorization headers; expected one.", strconv.Itoa(len(header)))
	case len(header) == 1 && header[0] != "":
		return parseHeader(header[0], r.Header)
	case legacy(r.URL.RawQuery):
		return parseLegacy(r.URL.RawQuery)
	case presigned(r):
		return parseQuery(r.URL.RawQuery)
	}
	return nil, &Error{Reason: Missing, Sentence: "The request is not signed: it has neither an Authorization header nor X-Amz-Signature in the query."}
}

func incomplete(format string, args ...any) error {
	return (&Signature{}).errorf(Incomplete, format, args...)
}

// parseHeader reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…" in any order, with
// the time from X-Amz-Date or Date.
func parseHeader(value string, h http.Header) (*Signature, error) {
	algo, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if algo != algorithm {
		return nil, incomplete("The Authorization header uses %q; expected %s.", clip(algo), algorithm)
	}
	fields, err := headerFields(rest)
	if err != nil {
		return nil, err
	}
	s := &Signature{}
	if err := s.fill(fields[credential], fields[signedHeaders], fields[signature]); err != nil {
		return nil, err
	}
	return s, s.readTime(headerTime(h))
}

// The parts of an Authorization header that mean something, as headerFields numbers them.
const (
	credential = iota
	signedHeaders
	signature
)

var fieldNames = [...]string{credential: "Credential", signedHeaders: "SignedHeaders", signature: "Signature"}

// headerFields reads "NAME=VALUE, …". Names that mean nothing are passed over, but none may be there twice.
func headerFields(list string) (values [len(fieldNames)]string, err error) {
	var seen [len(fieldNames)]bool
	var others map[string]bool
	for field := range strings.SplitSeq(list, ",") {
		name, v, ok := strings.Cut(strings.TrimSpace(field), "=")
		i := slices.Index(fieldNames[:], name)
		if !ok || i < 0 && others[name] || i >= 0 && seen[i] {
			return values, incomplete("The Authorization header has a malformed or repeated part %q; expected Credential=…, SignedHeaders=…, Signature=….", clip(field))
		}
		if i >= 0 {
			values[i], seen[i] = v, true
			continue
		}
		if others == nil {
			others = map[string]bool{}
		}
		others[name] = true
	}
	return values, nil
}

// headerTime returns the time of signing in timeFormat, from X-Amz-Date or an HTTP Date.
func headerTime(h http.Header) string {
	if v := h.Get("X-Amz-Date"); v != "" {
		return v
	}
	date := h.Get("Date")
	if t, err := http.ParseTime(date); err == nil {
		return t.UTC().Format(timeFormat)
	}
	return date
}

func parseQuery(raw string) (*Signature, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, incomplete("The query cannot be read: %v.", err)
	}
	if a := q.Get("X-Amz-Algorithm"); a != algorithm {
		return nil, incomplete("X-Amz-Algorithm is %q; expected %s.", clip(a), algorithm)
	}
	s := &Signature{Query: true}
	if err := s.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature")); err != nil {
		return nil, err
	}
	if err := s.readTime(q.Get("X-Amz-Date")); err != nil {
		return nil, err
	}
	return s, s.readExpires(q.Get("X-Amz-Expires"))
}

func (s *Signature) fill(credential, headers, value string) error {
	parts := strings.Split(credential, "/")
	n := len(parts) // an access key may hold slashes, a scope may not
	if n < 5 || parts[n-1] != terminal {
		return incomplete("The credential %q is malformed; expected KEY/yyyymmdd/region/service/%s.", clip(credential), terminal)
	}
	s.AccessKeyID = strings.Join(parts[:n-4], "/")
	s.Date, s.Region, s.Service = parts[n-4], parts[n-3], parts[n-2]
	if s.AccessKeyID == "" || s.Region == "" || s.Service == "" {
		return s.errorf(Incomplete, "The credential %q has an empty part; expected KEY/yyyymmdd/region/service/%s.", clip(credential), terminal)
	}
	if _, err := time.Parse(dateFormat, s.Date); err != nil {
		return s.errorf(Incomplete, "The date %q in the credential is malformed; expected yyyymmdd.", clip(s.Date))
	}
	if len(value) != 64 || strings.Trim(value, "0123456789abcdef") != "" {
		return s.errorf(Incomplete, "The signature %q is malformed; expected 64 lower-case hexadecimal digits.", clip(value))
	}
	s.Value = value
	return s.readHeaders(headers)
}

func (s *Signature) readHeaders(list string) error {
	host := false
	s.SignedHeaders = make([]string, 0, strings.Count(list, ";")+1)
	for name := range strings.SplitSeq(list, ";") {
		if name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, " \t\r\n:") {
			return s.errorf(Incomplete, "SignedHeaders %q is malformed; expected lower-case names with semicolons between.", clip(list))
		}
		host = host || name == "host"
		s.SignedHeaders = append(s.SignedHeaders, name)
	}
	if !host {
		return s.errorf(Incomplete, "SignedHeaders does not list host; the host must be signed.")
	}
	return nil
}

func (s *Signature) readTime(v string) error {
	t, err := time.Parse(timeFormat, v)
	if err != nil {
		return s.errorf(Incomplete, "The time of signing %q is missing or malformed; expected X-Amz-Date as yyyymmddThhmmssZ.", clip(v))
	}
	if t.Format(dateFormat) != s.Date {
		return s.errorf(Incomplete, "The credential is for %s but the request was signed at %s; expected the same day.", s.Date, v)
	}
	s.Time = t
	return nil
}

func (s *Signature) readExpires(v string) error {
	if v == "" && s.Service != S3 {
		return nil // valid for the clock skew only
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || time.Duration(n) > maxExpires/time.Second {
		return s.errorf(Incomplete, "X-Amz-Expires is %q; expected seconds from 0 to %d.", clip(v), maxExpires/time.Second)
	}
	s.Expires = time.Duration(n) * time.Second
	return nil
}

// clip keeps what a caller sent short enough to be repeated in a sentence.
func clip(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
