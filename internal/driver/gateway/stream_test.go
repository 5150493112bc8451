package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kindredrec/kindred/internal/auth"
)

// upload sends body in signed chunks of 64 KiB, as the Java SDK does over plain HTTP, and returns
// the answer. spoil changes the encoded body after it was signed.
func upload(t *testing.T, address, body string, trailer bool, spoil func(string) string) (int, string) {
	t.Helper()
	payload := auth.SignedChunks
	if trailer {
		payload = auth.SignedTrailer
	}
	now := time.Now().UTC()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "PUT", address, http.NoBody))
	r.Header.Set("X-Amz-Content-Sha256", payload)
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(body)))
	r.Header.Set("Content-Encoding", "aws-chunked")
	if trailer {
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
	}
	creds := aws.Credentials{AccessKeyID: keys[0].AccessKeyID, SecretAccessKey: keys[0].SecretAccessKey}
	err := v4.NewSigner().SignHTTP(t.Context(), creds, r, payload, "s3", "us-east-1", now, func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		t.Fatal(err)
	}
	_, seed, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	encoded := spoil(encode(body, seed, now, trailer))
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res := must[*http.Response](t)(transport.RoundTrip(r))
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode, string(must[[]byte](t)(io.ReadAll(res.Body)))
}

func encode(body, seed string, now time.Time, trailer bool) string {
	day := now.Format("20060102")
	key := []byte("AWS4" + keys[0].SecretAccessKey)
	for _, s := range []string{day, "us-east-1", "s3", "aws4_request"} {
		key = mac(key, s)
	}
	head := now.Format("20060102T150405Z") + "\n" + day + "/us-east-1/s3/aws4_request\n"
	var b strings.Builder
	last := seed
	for rest := body; ; {
		data := rest[:min(64<<10, len(rest))]
		rest = rest[len(data):]
		last = hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256-PAYLOAD\n"+head+last+"\n"+sum("")+"\n"+sum(data)))
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n", len(data), last)
		if data == "" {
			break
		}
		b.WriteString(data + "\r\n")
	}
	if trailer {
		crc := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
		last = hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256-TRAILER\n"+head+last+"\n"+sum("x-amz-checksum-crc32:"+crc+"\n")))
		b.WriteString("x-amz-checksum-crc32:" + crc + "\r\nx-amz-trailer-signature:" + last + "\r\n")
	}
	return b.String() + "\r\n"
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func sum(s string) string {
	b := sha256.Sum256([]byte(s))
	return hex.EncodeToString(b[:])
}

// Uploads in signed chunks arrive as what they say, and one that was changed on the way leaves no object.
func TestSignedChunks(t *testing.T) {
	endpoint := serve(t, start(t, t.TempDir()))
	c := client(t, endpoint, keys[0], "us-east-1")
	makeBucket(t, c, "stream")
	body := strings.Repeat("0123456789", 20_000)
	same := func(s string) string { return s }
	changed := func(s string) string { return s[:100_000] + "x" + s[100_001:] }
	for _, trailer := range []bool{false, true} {
		for _, text := range []string{body, "short", ""} {
			key := fmt.Sprintf("k-%v-%d", trailer, len(text))
			if status, answer := upload(t, endpoint+"/stream/"+key, text, trailer, same); status != 200 {
				t.Errorf("upload of %s = %d %s", key, status, answer)
			} else if got := content(t, c, "stream", key); got != text {
				t.Errorf("content of %s = %d bytes, want %d", key, len(got), len(text))
			}
		}
		key := fmt.Sprintf("changed-%v", trailer)
		if status, answer := upload(t, endpoint+"/stream/"+key, body, trailer, changed); status != 403 || !strings.Contains(answer, "SignatureDoesNotMatch") {
			t.Errorf("upload of %s = %d %s, want SignatureDoesNotMatch", key, status, answer)
		}
		if _, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("stream"), Key: &key}); code(err) != "NoSuchKey" {
			t.Errorf("GetObject(%s) = %v, want NoSuchKey", key, err)
		}
	}
}
