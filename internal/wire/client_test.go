package wire

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
	"github.com/aws/smithy-go"

	"github.com/kindredrec/kindred/internal/fault"
)

// client returns AWS's own client of a server that answers with d.
func client(t *testing.T, d *double) *personalize.Client {
	t.Helper()
	s := httptest.NewServer(serve(d))
	t.Cleanup(s.Close)
	return personalize.New(personalize.Options{
		BaseEndpoint: aws.String(s.URL), Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AK", "SK", ""),
	})
}

// TestClientAnswers checks that AWS's client reads answers, times and empty bodies.
func TestClientAnswers(t *testing.T) {
	c := client(t, &double{})
	arn := aws.String("arn:aws:personalize:us-east-1:000000000000:schema/s")
	out, err := c.DescribeSchema(t.Context(), &personalize.DescribeSchemaInput{SchemaArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Schema.CreationDateTime.UnixMilli(); got != 1754300001112 {
		t.Errorf("creationDateTime = %d ms, want 1754300001112", got)
	}
	if got := aws.ToString(out.Schema.Schema); got != "a < b && c > d" {
		t.Errorf("schema = %q", got)
	}
	if _, err := c.DeleteSchema(t.Context(), &personalize.DeleteSchemaInput{SchemaArn: arn}); err != nil {
		t.Errorf("DeleteSchema: %v", err)
	}
	list, err := c.ListRecipes(t.Context(), &personalize.ListRecipesInput{})
	if err != nil || list.Recipes == nil {
		t.Errorf("ListRecipes = %v, %v, want a list without elements", list, err)
	}
}

// TestClientErrors checks that AWS's client turns faults into its own error types.
func TestClientErrors(t *testing.T) {
	in := &personalize.DeleteSchemaInput{SchemaArn: aws.String("arn:aws:personalize:us-east-1:000000000000:schema/s")}
	_, err := client(t, &double{err: fault.Newf(fault.NotFound, "There is no schema s.")}).DeleteSchema(t.Context(), in)
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "There is no schema s." {
		t.Errorf("err = %v, want ResourceNotFoundException with the sentence", err)
	}
	_, err = client(t, &double{err: errors.New("disk on fire")}).DeleteSchema(t.Context(), in)
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "InternalFailure" || api.ErrorFault() == smithy.FaultClient {
		t.Errorf("err = %v, want InternalFailure", err)
	}
	_, err = client(t, &double{}).CreateCampaign(t.Context(), &personalize.CreateCampaignInput{
		Name: aws.String("c"), SolutionVersionArn: aws.String("a")})
	if !errors.As(err, &api) || api.ErrorCode() != "NotImplementedException" {
		t.Errorf("err = %v, want NotImplementedException", err)
	}
}
