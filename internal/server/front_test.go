package server_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/server"
)

func TestMain(m *testing.M) {
	gateway.Main()
	goleak.VerifyTestMain(m)
}

var key = auth.Key{AccessKeyID: "KEY", SecretAccessKey: "secret", Account: "111122223333"}

// start returns the address of a front whose Personalize tells the caller in an empty answer.
func start(t *testing.T, change ...func(*server.Config)) string {
	t.Helper()
	ring, err := auth.NewKeyring(key, auth.Key{AccessKeyID: "OTHER", SecretAccessKey: "other", Account: "444455556666"})
	if err != nil {
		t.Fatal(err)
	}
	c := server.Config{
		Verifier: &auth.Verifier{Keys: ring},
		Roles:    server.NewFileRoles(t.TempDir()),
		Personalize: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, _ := auth.From(r.Context())
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Caller", caller.Account+"/"+caller.Region)
			w.Header().Set("X-Body", string(body))
			_, _ = io.WriteString(w, `{"recipes":[]}`)
		}),
	}
	for _, f := range change {
		f(&c)
	}
	h, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func config(t *testing.T, endpoint string, k auth.Key) aws.Config {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: &endpoint, HTTPClient: &http.Client{Transport: transport}, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""),
	}
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

// One address and one key are all that four SDKs need.
func TestOneAddress(t *testing.T) {
	g, err := gateway.Start(t.Context(), gateway.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := config(t, start(t, func(c *server.Config) { c.S3 = g.Handler(); c.Health = g.Healthy }), key)
	if _, err := personalize.NewFromConfig(cfg).ListRecipes(t.Context(), &personalize.ListRecipesInput{}); err != nil {
		t.Errorf("ListRecipes = %v", err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Account != key.Account || *who.Arn != "arn:aws:iam::111122223333:root" {
		t.Errorf("GetCallerIdentity = %+v, %v", who, err)
	}
	bucket := aws.String("one-address")
	buckets := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := buckets.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("CreateBucket = %v", err)
	}
	if _, err := buckets.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("healthz"), Body: strings.NewReader("x")}); err != nil {
		t.Errorf("PutObject = %v", err)
	}
	if _, err := buckets.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")}); code(err) != "NoSuchKey" {
		t.Errorf("GetObject of nothing = %v, want NoSuchKey", err)
	}
}

// Wrong keys are refused in the words of each service.
func TestRefusals(t *testing.T) {
	endpoint := start(t)
	for _, c := range []struct {
		key                  auth.Key
		personalize, sts, s3 string
	}{
		{auth.Key{AccessKeyID: "NONE", SecretAccessKey: "x"}, "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"},
		{auth.Key{AccessKeyID: "KEY", SecretAccessKey: "x"}, "InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"},
	} {
		cfg := config(t, endpoint, c.key)
		_, err := personalize.NewFromConfig(cfg).ListRecipes(t.Context(), &personalize.ListRecipesInput{})
		if code(err) != c.personalize {
			t.Errorf("ListRecipes = %v, want %s", err, c.personalize)
		}
		_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if code(err) != c.sts {
			t.Errorf("GetCallerIdentity = %v, want %s", err, c.sts)
		}
		_, err = s3.NewFromConfig(cfg).ListBuckets(t.Context(), &s3.ListBucketsInput{})
		if code(err) != c.s3 {
			t.Errorf("ListBuckets = %v, want %s", err, c.s3)
		}
	}
	_, err := s3.NewFromConfig(config(t, endpoint, key)).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if code(err) != "NotImplemented" {
		t.Errorf("ListBuckets where there is no S3 = %v, want NotImplemented", err)
	}
}

func send(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func request(t *testing.T, method, address, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// Without a signature, people and machines that watch get an answer, and everybody else an error in
// the form that they read.
func TestUnsigned(t *testing.T) {
	var sick error
	endpoint := start(t, func(c *server.Config) {
		c.Health = func() error { return sick }
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "kindred_up 1") })
	})
	for _, c := range []struct {
		request *http.Request
		status  int
		says    string
	}{
		{request(t, "GET", endpoint+"/healthz", ""), 200, "ok\n"},
		{request(t, "GET", endpoint+"/metrics", ""), 200, "kindred_up 1"},
		{request(t, "GET", endpoint+"/", ""), 200, "AWS_ENDPOINT_URL=" + endpoint},
		{request(t, "GET", endpoint+"/bucket/key", ""), 403, "<Code>AccessDenied</Code>"},
		{request(t, "PUT", endpoint+"/bucket", ""), 403, "<Code>AccessDenied</Code>"},
		{request(t, "HEAD", endpoint+"/bucket/key", ""), 403, ""},
		{request(t, "POST", endpoint+"/healthz", ""), 403, "<Code>AccessDenied</Code>"},
		{request(t, "POST", endpoint+"/", "{}", "X-Amz-Target", "AmazonPersonalize.ListRecipes"), 403, `"__type":"MissingAuthenticationToken"`},
		{request(t, "POST", endpoint+"/recommendations", "{}"), 403, `"message":"The request is not signed`},
		{request(t, "POST", endpoint+"/", "Action=GetCallerIdentity", "Content-Type", "application/x-www-form-urlencoded"), 403, "<Code>MissingAuthenticationToken</Code>"},
		{request(t, "POST", endpoint+"/", "{}", "X-Amz-Target", "A.B", "Authorization", "Basic abc"), 400, `"__type":"IncompleteSignature"`},
	} {
		res, body := send(t, c.request)
		if res.StatusCode != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s = %d %q, want %d with %q", c.request.Method, c.request.URL.Path, res.StatusCode, body, c.status, c.says)
		}
	}
	sick = errors.New("the catalog does not answer")
	if res, body := send(t, request(t, "GET", endpoint+"/healthz", "")); res.StatusCode != 503 || !strings.Contains(body, sick.Error()) {
		t.Errorf("healthz of a sick server = %d %q", res.StatusCode, body)
	}
}

// A client that expects 100 Continue gets it, also where it has nothing to send, before the answer itself.
func TestContinue(t *testing.T) {
	address := strings.TrimPrefix(start(t), "http://")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for range 2 { // on one connection
		fmt.Fprintf(c, "PUT /bucket/key HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", address)
		for _, want := range []int{http.StatusContinue, http.StatusForbidden} {
			res, err := http.ReadResponse(answers, nil)
			if err != nil || res.StatusCode != want {
				t.Fatalf("the answer is %v, %v; want status %d", res, err, want)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
}

func signed(t *testing.T, service, address, body string) *http.Request {
	t.Helper()
	r := request(t, "POST", address, body, "Content-Type", "application/json")
	creds := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, sum(body), service, "moon", time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

func sum(s string) string {
	b := sha256.Sum256([]byte(s))
	return hex.EncodeToString(b[:])
}

// The handler behind finds the caller and the body; other services are named as such; a body over
// the limit is refused.
func TestWhatReachesTheHandler(t *testing.T) {
	endpoint := start(t, func(c *server.Config) { c.MaxBody = 10 })
	res, _ := send(t, signed(t, "personalize", endpoint+"/recommendations", `{"a":1}`))
	if got := res.Header.Get("X-Caller") + " " + res.Header.Get("X-Body"); got != `111122223333/moon {"a":1}` {
		t.Errorf("handler saw %q", got)
	}
	if res, body := send(t, signed(t, "dynamodb", endpoint+"/", "{}")); res.StatusCode != 400 || !strings.Contains(body, "personalize, s3, sts and iam") {
		t.Errorf("request for dynamodb = %d %s", res.StatusCode, body)
	}
	if res, body := send(t, signed(t, "personalize", endpoint+"/", `{"long":"0123456789"}`)); res.StatusCode != 413 || !strings.Contains(body, "larger than 10 bytes") {
		t.Errorf("a long body = %d %s", res.StatusCode, body)
	}
}

const trust = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "personalize.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`

// What the well-known notebooks do with roles before they start and when they clean up.
func TestRoles(t *testing.T) {
	dir := t.TempDir()
	endpoint := start(t, func(c *server.Config) { c.Roles = server.NewFileRoles(dir) })
	c := iam.NewFromConfig(config(t, endpoint, key))
	name, full := aws.String("PersonalizeRole"), aws.String("arn:aws:iam::aws:policy/service-role/AmazonPersonalizeFullAccess")
	create := &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust), Description: aws.String("a & b <c>"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}
	made, err := c.CreateRole(t.Context(), create)
	if err != nil || *made.Role.Arn != "arn:aws:iam::111122223333:role/PersonalizeRole" {
		t.Fatalf("CreateRole = %+v, %v", made, err)
	}
	if _, err := c.CreateRole(t.Context(), create); code(err) != "EntityAlreadyExists" {
		t.Errorf("CreateRole again = %v, want EntityAlreadyExists", err)
	}
	for range 2 { // attaching again is no error
		if _, err := c.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: full}); err != nil {
			t.Errorf("AttachRolePolicy = %v", err)
		}
	}
	if _, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("inline"), PolicyDocument: aws.String(trust)}); err != nil {
		t.Errorf("PutRolePolicy = %v", err)
	}
	// Another server over the same folder knows the role: it is kept.
	c = iam.NewFromConfig(config(t, start(t, func(c *server.Config) { c.Roles = server.NewFileRoles(dir) }), key))
	got, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: name})
	if err != nil {
		t.Fatalf("GetRole = %v", err)
	}
	document, err := url.PathUnescape(*got.Role.AssumeRolePolicyDocument)
	if err != nil || document != trust || *got.Role.Description != "a & b <c>" || len(got.Role.Tags) != 1 || !got.Role.CreateDate.Equal(*made.Role.CreateDate) {
		t.Errorf("GetRole = %+v with %s", got.Role, document)
	}
	attached, err := c.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: name})
	if err != nil || len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyName != "AmazonPersonalizeFullAccess" {
		t.Errorf("ListAttachedRolePolicies = %+v, %v", attached, err)
	}
	inline, err := c.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("inline")})
	if err != nil || !json.Valid([]byte(must(url.PathUnescape(*inline.PolicyDocument)))) {
		t.Errorf("GetRolePolicy = %+v, %v", inline, err)
	}
	cleanUp(t, c, name, full)
}

func must(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}

func cleanUp(t *testing.T, c *iam.Client, name, policy *string) {
	t.Helper()
	ctx := t.Context()
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); code(err) != "DeleteConflict" {
		t.Errorf("DeleteRole with policies = %v, want DeleteConflict", err)
	}
	detach := &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: policy}
	if _, err := c.DetachRolePolicy(ctx, detach); err != nil {
		t.Errorf("DetachRolePolicy = %v", err)
	}
	if _, err := c.DetachRolePolicy(ctx, detach); code(err) != "NoSuchEntity" {
		t.Errorf("DetachRolePolicy again = %v, want NoSuchEntity", err)
	}
	names, err := c.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
	if err != nil || len(names.PolicyNames) != 1 {
		t.Errorf("ListRolePolicies = %+v, %v", names, err)
	}
	if _, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("inline")}); err != nil {
		t.Errorf("DeleteRolePolicy = %v", err)
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); err != nil {
		t.Errorf("DeleteRole = %v", err)
	}
	if _, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name}); code(err) != "NoSuchEntity" {
		t.Errorf("GetRole of a deleted role = %v, want NoSuchEntity", err)
	}
}

func TestRolesRefuse(t *testing.T) {
	endpoint := start(t)
	one := iam.NewFromConfig(config(t, endpoint, key))
	other := iam.NewFromConfig(config(t, endpoint, auth.Key{AccessKeyID: "OTHER", SecretAccessKey: "other"}))
	create := func(c *iam.Client, name, document string) error {
		_, err := c.CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &document})
		return err
	}
	if err := create(one, "../../escape", trust); code(err) != "ValidationError" {
		t.Errorf("CreateRole(../../escape) = %v, want ValidationError", err)
	}
	if err := create(one, "r", "not JSON"); code(err) != "MalformedPolicyDocument" {
		t.Errorf("CreateRole with a broken policy = %v, want MalformedPolicyDocument", err)
	}
	if err := create(one, "Role", trust); err != nil {
		t.Fatal(err)
	}
	if err := create(one, "rOLE", trust); code(err) != "EntityAlreadyExists" {
		t.Errorf("CreateRole with the name in another case = %v, want EntityAlreadyExists", err)
	}
	if err := create(other, "Role", trust); err != nil {
		t.Errorf("CreateRole of the same name in another account = %v", err)
	}
	if _, err := one.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("u")}); code(err) != "InvalidAction" {
		t.Errorf("CreateUser = %v, want InvalidAction", err)
	}
	list, err := one.ListRoles(t.Context(), &iam.ListRolesInput{})
	if err != nil || len(list.Roles) != 1 {
		t.Errorf("ListRoles = %+v, %v; want one role", list, err)
	}
}
