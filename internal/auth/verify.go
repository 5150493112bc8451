package auth

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Skew is how far a client's clock may be off.
const Skew = 15 * time.Minute

// Values of X-Amz-Content-Sha256 that are not the hash of a body.
const (
	UnsignedPayload = "UNSIGNED-PAYLOAD"
	UnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	SignedChunks    = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	SignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// A Verifier checks signatures against a keyring. It may be used from many goroutines and must not be copied.
type Verifier struct {
	Keys *Keyring
	Now  func() time.Time // nil for the system's clock

	derived signingKeys
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// Verify checks that s, parsed from r, is the signature of a known key over r, and tells who signed.
// The error is an *Error, or what reading the body gave.
//
// For services other than S3 the body is read, at most limit bytes, hashed, and put back as one that also
// has a method Bytes. For S3 it is not read: a body hash in X-Amz-Content-Sha256 is signed, and the gateway
// behind checks the body against it as it arrives. Chunk signatures are checked as the body is read and
// taken out of it, so that whoever reads r afterwards sees a plain or an unsigned chunked upload.
//
// This changes r's body and, for S3, its length and headers: a handler must give its own copy (WithContext),
// for S3 a deep one (Clone), since net/http looks at its request again to see what was left unread.
func (v *Verifier) Verify(r *http.Request, s *Signature, limit int64) (Caller, error) {
	if s.Legacy {
		return v.verifyLegacy(r, s)
	}
	if err := v.checkTime(s); err != nil {
		return Caller{}, err
	}
	key, ok := v.Keys.Find(s.AccessKeyID)
	if !ok {
		return Caller{}, s.errorf(UnknownKey, "The access key %q is not known to this server.", clip(s.AccessKeyID))
	}
	if err := s.checkHeaders(r); err != nil {
		return Caller{}, err
	}
	payload, err := s.payload(r, limit)
	if err != nil {
		return Caller{}, err
	}
	signing := v.derived.of(s, key)
	if err := s.check(r, signing, payload); err != nil {
		return Caller{}, err
	}
	v.derived.remember(s, signing)
	if payload == SignedChunks || payload == SignedTrailer {
		if err := s.openChunks(r, signing.key, payload); err != nil {
			return Caller{}, err
		}
	}
	return Caller{Account: key.Account, Region: s.Region, AccessKeyID: s.AccessKeyID}, nil
}

func (v *Verifier) checkTime(s *Signature) error {
	now := v.now().UTC()
	off := s.Time.Sub(now)
	if s.Query && s.Expires > 0 && off <= Skew {
		if end := s.Time.Add(s.Expires); now.After(end) {
			return s.errorf(Expired, "Request has expired: the address was valid until %s and it is %s now.", end.Format(time.RFC3339), now.Format(time.RFC3339))
		}
		return nil
	}
	if off > Skew || off < -Skew {
		return s.errorf(Skewed, "The request was signed at %s and the server's clock says %s, a difference of %s; at most %s is accepted.",
			s.Time.Format(time.RFC3339), now.Format(time.RFC3339), off.Abs().Round(time.Second), Skew)
	}
	return nil
}

// checkHeaders refuses a request with an x-amz-… header that is not signed: anybody on the way could
// have added it, and X-Amz-Target is the operation.
func (s *Signature) checkHeaders(r *http.Request) error {
	const prefix = "x-amz-"
	for name := range r.Header {
		if len(name) < len(prefix) || !strings.EqualFold(name[:len(prefix)], prefix) || signs(s.SignedHeaders, name) {
			continue
		}
		if name = strings.ToLower(name); name != "x-amz-content-sha256" {
			return s.errorf(Unsigned, "The header %s is present in the request but not signed; every x-amz-* header must be.", name)
		}
	}
	return nil
}

// signs reports whether a list of names in lower case has a name, however it is spelled.
func signs(signed []string, name string) bool {
	return slices.ContainsFunc(signed, func(s string) bool { return strings.EqualFold(s, name) })
}

// payload returns the last line of the canonical request.
func (s *Signature) payload(r *http.Request, limit int64) (string, error) {
	if s.Service != S3 {
		return s.readBody(r, limit)
	}
	declared := r.Header.Get("X-Amz-Content-Sha256")
	if s.Query {
		if q := r.URL.Query().Get("X-Amz-Content-Sha256"); q != "" {
			declared = q
		}
		if declared == "" {
			return UnsignedPayload, nil
		}
	}
	switch declared {
	case UnsignedPayload, UnsignedTrailer, SignedChunks, SignedTrailer:
		return declared, nil
	}
	if b, err := hex.DecodeString(declared); err != nil || len(b) != 32 {
		return "", s.errorf(Incomplete, "The header x-amz-content-sha256 is %q; expected the SHA-256 of the body in hexadecimal, %s, or a STREAMING form with AWS4-HMAC-SHA256.", clip(declared), UnsignedPayload)
	}
	return declared, nil
}

func (s *Signature) readBody(r *http.Request, limit int64) (string, error) {
	if r.Body == nil {
		return hexSum(nil), nil
	}
	b := &heldBody{}
	const usual = 4 << 10 // more is not taken on the client's word
	b.Grow(int(min(max(r.ContentLength, 0), usual)) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(r.Body, limit+1)); err != nil {
		return "", err
	}
	if int64(b.Len()) > limit {
		return "", s.errorf(TooLarge, "The request's body is larger than %d bytes.", limit)
	}
	r.Body = b
	return hexSum(b.Bytes()), nil
}

// A heldBody is a body that was read into memory. Its Bytes are what nobody has read from it yet; they must not
// be changed.
type heldBody struct{ bytes.Buffer }

// Close implements io.Closer. There is nothing to close.
func (*heldBody) Close() error { return nil }

// check compares the signature that came with the one that the key makes.
func (s *Signature) check(r *http.Request, signing *signingKey, payload string) error {
	var canonicalRoom, textRoom [1024]byte
	canonical := s.appendCanonical(canonicalRoom[:0], r, payload)
	text := s.appendToSign(textRoom[:0], canonical)
	made := signing.hexOf(text)
	if hmac.Equal(made[:], []byte(s.Value)) {
		return nil
	}
	e := s.errorf(Mismatch, "The signature is not the one that the secret of access key %s makes over this request. Check the secret access key, and that nothing on the way changed the host, the path or a signed header.", clip(s.AccessKeyID))
	e.Detail = "canonical request:\n" + string(canonical) + "\nstring to sign:\n" + string(text)
	return e
}

// openChunks makes r.Body verify chunk after chunk. Signed chunks become a plain body of the decoded
// length; with a trailer they become unsigned chunks, so that the checksum in the trailer stays.
func (s *Signature) openChunks(r *http.Request, signing []byte, payload string) error {
	size, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || size < 0 {
		return s.errorf(Incomplete, "The header x-amz-decoded-content-length is %q; a STREAMING body needs the length of the object.", clip(r.Header.Get("X-Amz-Decoded-Content-Length")))
	}
	trailer := payload == SignedTrailer
	r.Body = readCloser{newChunkReader(r.Body, s, signing, trailer), r.Body}
	if trailer {
		r.Header.Set("X-Amz-Content-Sha256", UnsignedTrailer)
		r.ContentLength = -1
		r.Header.Del("Content-Length")
		return nil
	}
	r.Header.Set("X-Amz-Content-Sha256", UnsignedPayload)
	r.Header.Del("X-Amz-Decoded-Content-Length")
	r.Header.Del("Content-Length")
	r.ContentLength = size
	dropCoding(r.Header)
	if size > 0 {
		return nil
	}
	// Nobody reads the body of an empty object, but its one chunk is signed as well.
	_, err = io.Copy(io.Discard, r.Body)
	r.Body = http.NoBody
	return err
}

// dropCoding takes aws-chunked out of Content-Encoding.
func dropCoding(h http.Header) {
	var kept []string
	for c := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		if c = strings.TrimSpace(c); c != "" && c != "aws-chunked" {
			kept = append(kept, c)
		}
	}
	h.Del("Content-Encoding")
	if len(kept) > 0 {
		h.Set("Content-Encoding", strings.Join(kept, ","))
	}
}

type readCloser struct {
	io.Reader
	io.Closer
}

// IsReason reports whether err is an *Error for reason r.
func IsReason(err error, r Reason) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == r
}
