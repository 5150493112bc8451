package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// appendCanonical appends the text that the client signed: method, path, query, headers and the hash of
// the body, each in the one spelling that both sides can agree on.
func (s *Signature) appendCanonical(b []byte, r *http.Request, payload string) []byte {
	b = append(append(b, r.Method...), '\n')
	b = append(append(b, s.canonicalPath(r.URL)...), '\n')
	b = append(append(b, canonicalQuery(r.URL.RawQuery)...), '\n')
	for _, name := range s.SignedHeaders {
		b = append(append(b, name...), ':')
		b = append(append(b, headerValue(r, name)...), '\n')
	}
	b = append(b, '\n')
	for i, name := range s.SignedHeaders {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	return append(append(b, '\n'), payload...)
}

// canonicalPath escapes the path once for S3 and the already escaped path a second time for all others.
func (s *Signature) canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if s.Service == S3 {
		path = u.Path
	}
	if path == "" || path == "/" {
		return "/"
	}
	return escape(path, true)
}

// canonicalQuery sorts the parameters by escaped name, then value, and leaves the signature out.
// It goes over the raw text since url.ParseQuery drops what it cannot read, and what is dropped here
// would be unsigned.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	type pair struct{ name, value string }
	var pairs []pair
	for p := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(p, "=")
		if p == "" || name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{recode(name), recode(value)})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

func recode(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	return escape(plain, false)
}

// escape writes every byte but A-Z a-z 0-9 - . _ ~ (and the slash of a path) as %XX.
func escape(s string, path bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && path:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// headerValue joins the values of a header with commas, trimmed and with runs of blanks made one.
// Go's server keeps Host, Content-Length and Transfer-Encoding outside of the header map.
func headerValue(r *http.Request, name string) string {
	var values []string
	switch name {
	case "host":
		values = []string{r.Host}
	case "content-length":
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	case "transfer-encoding":
		values = r.TransferEncoding
	default:
		values = valuesOf(r.Header, name)
	}
	if len(values) == 1 {
		return squeeze(values[0])
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = squeeze(v)
	}
	return strings.Join(trimmed, ",")
}

// valuesOf is h.Values of a name in lower case, without making the usual spelling of the name as a string of
// its own.
func valuesOf(h http.Header, lower string) []string {
	var usual [64]byte
	if len(lower) > len(usual) {
		return h.Values(lower)
	}
	first := true
	for i := range len(lower) {
		c := lower[i]
		switch {
		case 'a' <= c && c <= 'z' && first:
			c -= 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
		default:
			return h.Values(lower)
		}
		usual[i], first = c, c == '-'
	}
	return h[string(usual[:len(lower)])]
}

// squeeze trims s and makes one of several blanks in a row.
func squeeze(s string) string {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] != ' ' || s[i-1] != ' ' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// appendToSign appends what ties the canonical request to a time and a scope.
func (s *Signature) appendToSign(b, canonical []byte) []byte {
	b = append(append(b, algorithm...), '\n')
	b = append(s.Time.AppendFormat(b, timeFormat), '\n')
	for _, part := range [...]string{s.Date, s.Region, s.Service} {
		b = append(append(b, part...), '/')
	}
	b = append(append(b, terminal...), '\n')
	sum := sha256.Sum256(canonical)
	return hex.AppendEncode(b, sum[:])
}

// signingKey is derived step by step, so that a key for one day, region and service is of no use elsewhere.
func (s *Signature) signingKey(secret string) []byte {
	key := []byte("AWS4" + secret)
	for _, step := range []string{s.Date, s.Region, s.Service, terminal} {
		key = sign(key, step)
	}
	return key
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// same compares two signatures in a time that tells nothing of where they differ.
func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
