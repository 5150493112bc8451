package auth

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Signature Version 2 is made of
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Presigned S3 addresses of boto3 and the AWS CLI are, in the regions that once had it, in Signature
// Version 2 unless told otherwise; us-east-1 is one of them. This file verifies those and no other
// use of that version.

// legacyParameters are the query of a legacy presigned address that is not part of what is signed.
var legacyParameters = []string{"AWSAccessKeyId", "Signature", "Expires"}

// legacySigned are the parameters that the signature covers.
var legacySigned = strings.Fields(`accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle
	location logging metrics notification object-lock partNumber policy replication requestPayment
	response-cache-control response-content-disposition response-content-encoding response-content-language
	response-content-type response-expires restore select select-type storageClass tagging torrent
	uploadId uploads versionId versioning versions website`)

// legacyFree are the parameters that it does not cover and that only narrow a listing. Any other
// could turn the request into another one, and is refused.
var legacyFree = strings.Fields(`continuation-token delimiter encoding-type fetch-owner key-marker list-type marker
	max-keys max-parts max-uploads part-number-marker prefix start-after upload-id-marker version-id-marker x-id`)

func legacy(rawQuery string) bool {
	return strings.Contains("&"+rawQuery, "&AWSAccessKeyId=")
}

func parseLegacy(raw string) (*Signature, error) {
	s := &Signature{Service: S3, Region: "us-east-1", Query: true, Legacy: true}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, s.errorf(Incomplete, "The query cannot be read: %v.", err)
	}
	seconds, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	if err != nil || q.Get("AWSAccessKeyId") == "" || q.Get("Signature") == "" {
		return nil, s.errorf(Incomplete, "A presigned address of this form needs AWSAccessKeyId, Signature and Expires in epoch seconds.")
	}
	s.AccessKeyID, s.Value, s.Time = q.Get("AWSAccessKeyId"), q.Get("Signature"), time.Unix(seconds, 0).UTC()
	return s, nil
}

// verifyLegacy checks a presigned address; s.Time is when it ends.
func (v *Verifier) verifyLegacy(r *http.Request, s *Signature) (Caller, error) {
	now := v.now().UTC()
	if now.After(s.Time) {
		return Caller{}, s.errorf(Expired, "Request has expired: the address was valid until %s and it is %s now.", s.Time.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	key, ok := v.Keys.Find(s.AccessKeyID)
	if !ok {
		return Caller{}, s.errorf(UnknownKey, "The access key %q is not known to this server.", clip(s.AccessKeyID))
	}
	text, err := s.legacyText(r)
	if err != nil {
		return Caller{}, err
	}
	h := hmac.New(sha1.New, []byte(key.SecretAccessKey))
	h.Write([]byte(text))
	if !same(base64.StdEncoding.EncodeToString(h.Sum(nil)), s.Value) {
		e := s.errorf(Mismatch, "The signature is not the one that the secret of access key %s makes over this request.", clip(s.AccessKeyID))
		e.Detail = "string to sign:\n" + text
		return Caller{}, e
	}
	return Caller{Account: key.Account, Region: s.Region, AccessKeyID: s.AccessKeyID}, nil
}

// legacyText is what was signed: the method, two headers, the end, every x-amz-… header, the path
// and the parameters that say what is done.
func (s *Signature) legacyText(r *http.Request) (string, error) {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.Header.Get("Content-Md5") + "\n" + r.Header.Get("Content-Type") + "\n")
	b.WriteString(strconv.FormatInt(s.Time.Unix(), 10) + "\n")
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", s.errorf(Incomplete, "The query cannot be read: %v.", err)
	}
	var headers, parameters []string
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			headers = append(headers, name+":"+headerValue(r, name)+"\n")
		}
	}
	for name, values := range q {
		switch {
		case slices.Contains(legacySigned, name) && values[0] != "":
			parameters = append(parameters, name+"="+values[0])
		case slices.Contains(legacySigned, name):
			parameters = append(parameters, name)
		case name == "x-amz-security-token":
			headers = append(headers, name+":"+values[0]+"\n")
		case !slices.Contains(legacyFree, name) && !slices.Contains(legacyParameters, name):
			return "", s.errorf(Unsigned, "The parameter %q is not signed in an address of this form.", clip(name))
		}
		if len(values) > 1 {
			return "", s.errorf(Incomplete, "The parameter %q is there %d times; expected once.", clip(name), len(values))
		}
	}
	slices.Sort(headers)
	slices.Sort(parameters)
	b.WriteString(strings.Join(headers, "") + r.URL.EscapedPath())
	if len(parameters) > 0 {
		b.WriteString("?" + strings.Join(parameters, "&"))
	}
	return b.String(), nil
}

// StripQuery takes the signature out of a raw query and returns the rest; what a presigned address
// carries as X-Amz-… beside the signature means the same as a header, and goes to set.
func StripQuery(raw string, set func(header, value string)) string {
	var kept []string
	old := legacy(raw)
	for p := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(p, "=")
		switch {
		case old && (slices.Contains(legacyParameters, name) || name == "x-amz-security-token"), queryParameters[name], p == "":
		case strings.HasPrefix(name, "X-Amz-"):
			if v, err := url.QueryUnescape(value); err == nil {
				set(name, v)
			}
		default:
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "&")
}

// queryParameters are the parts of a signature in the query.
var queryParameters = map[string]bool{
	"X-Amz-Algorithm": true, "X-Amz-Credential": true, "X-Amz-Date": true, "X-Amz-Expires": true,
	"X-Amz-SignedHeaders": true, "X-Amz-Signature": true, "X-Amz-Security-Token": true,
}
