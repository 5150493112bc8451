// Package clienttest is a client of Kindred for end-to-end tests: AWS's own SDK, one method per step of
// the main job. Steps that start work return its ARN at once; Await follows it.
package clienttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	// Bucket is where a Client keeps its objects.
	Bucket = "e2e"
	// Role is the role it names; Kindred checks its form only.
	Role = "arn:aws:iam::000000000000:role/e2e"
)

// A Client speaks to one server.
type Client struct {
	API *personalize.Client
	S3  *s3.Client
}

// New returns a client of the server at url.
func New(url, region, keyID, secret string) *Client {
	cfg := aws.Config{
		Region: region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
	}
	return &Client{
		API: personalize.NewFromConfig(cfg),
		S3:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
}

// MakeBucket makes Bucket.
func (c *Client) MakeBucket(ctx context.Context) error {
	_, err := c.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(Bucket)})
	return err
}

// Put stores an object and returns its location.
func (c *Client) Put(ctx context.Context, key string, body []byte) (location string, err error) {
	_, err = c.S3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(Bucket), Key: &key, Body: bytes.NewReader(body)})
	return Location(key), err
}

// Location is an object's s3:// address.
func Location(key string) string { return "s3://" + Bucket + "/" + key }

// Get returns an object's bytes.
func (c *Client) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := c.S3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(Bucket), Key: &key})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

// Sizes returns the sizes of at most 1,000 objects by what follows the prefix in their keys.
func (c *Client) Sizes(ctx context.Context, prefix string) (map[string]int64, error) {
	out, err := c.S3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(Bucket), Prefix: &prefix})
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, o := range out.Contents {
		sizes[strings.TrimPrefix(*o.Key, prefix)] = *o.Size
	}
	return sizes, nil
}

// Group makes a dataset group.
func (c *Client) Group(ctx context.Context, name string) (arn string, err error) {
	out, err := c.API.CreateDatasetGroup(ctx, &personalize.CreateDatasetGroupInput{Name: &name})
	if err != nil {
		return "", err
	}
	return *out.DatasetGroupArn, nil
}

// Dataset makes a schema and a dataset for it, both with the group's name and the kind's.
func (c *Client) Dataset(ctx context.Context, group, kind, schema string) (arn string, err error) {
	name := group[strings.LastIndexByte(group, '/')+1:] + "-" + strings.ToLower(kind)
	s, err := c.API.CreateSchema(ctx, &personalize.CreateSchemaInput{Name: &name, Schema: &schema})
	if err != nil {
		return "", err
	}
	out, err := c.API.CreateDataset(ctx, &personalize.CreateDatasetInput{
		Name: &name, SchemaArn: s.SchemaArn, DatasetGroupArn: &group, DatasetType: &kind,
	})
	if err != nil {
		return "", err
	}
	return *out.DatasetArn, nil
}

// Import starts an import job.
func (c *Client) Import(ctx context.Context, job, dataset, location string, mode types.ImportMode) (arn string, err error) {
	out, err := c.API.CreateDatasetImportJob(ctx, &personalize.CreateDatasetImportJobInput{
		JobName: &job, DatasetArn: &dataset, RoleArn: aws.String(Role), ImportMode: mode,
		DataSource: &types.DataSource{DataLocation: &location},
	})
	if err != nil {
		return "", err
	}
	return *out.DatasetImportJobArn, nil
}

// Export starts an export job of a dataset into a folder of Bucket.
func (c *Client) Export(ctx context.Context, job, dataset, folder string, mode types.IngestionMode) (arn string, err error) {
	out, err := c.API.CreateDatasetExportJob(ctx, &personalize.CreateDatasetExportJobInput{
		JobName: &job, DatasetArn: &dataset, RoleArn: aws.String(Role), IngestionMode: mode,
		JobOutput: &types.DatasetExportJobOutput{S3DataDestination: &types.S3DataConfig{Path: aws.String(Location(folder))}},
	})
	if err != nil {
		return "", err
	}
	return *out.DatasetExportJobArn, nil
}

// DeleteUsers starts a data deletion job.
func (c *Client) DeleteUsers(ctx context.Context, job, group, location string) (arn string, err error) {
	out, err := c.API.CreateDataDeletionJob(ctx, &personalize.CreateDataDeletionJobInput{
		JobName: &job, DatasetGroupArn: &group, RoleArn: aws.String(Role), DataSource: &types.DataSource{DataLocation: &location},
	})
	if err != nil {
		return "", err
	}
	return *out.DataDeletionJobArn, nil
}

// Solution makes a solution of a recipe, which is known by the name behind "recipe/".
func (c *Client) Solution(ctx context.Context, name, group, recipe string) (arn string, err error) {
	out, err := c.API.CreateSolution(ctx, &personalize.CreateSolutionInput{
		Name: &name, DatasetGroupArn: &group, RecipeArn: aws.String("arn:aws:personalize:::recipe/" + recipe), PerformAutoTraining: aws.Bool(false),
	})
	if err != nil {
		return "", err
	}
	return *out.SolutionArn, nil
}

// Version starts a training.
func (c *Client) Version(ctx context.Context, solution string) (arn string, err error) {
	out, err := c.API.CreateSolutionVersion(ctx, &personalize.CreateSolutionVersionInput{SolutionArn: &solution})
	if err != nil {
		return "", err
	}
	return *out.SolutionVersionArn, nil
}

// Filter makes a filter.
func (c *Client) Filter(ctx context.Context, name, group, expression string) (arn string, err error) {
	out, err := c.API.CreateFilter(ctx, &personalize.CreateFilterInput{Name: &name, DatasetGroupArn: &group, FilterExpression: &expression})
	if err != nil {
		return "", err
	}
	return *out.FilterArn, nil
}

// A Batch is what a batch inference job is asked.
type Batch struct {
	Name, Version, Filter string // no filter when ""
	Input, Output         string // keys in Bucket
	Results               int32  // 25 when 0
	Config                *types.BatchInferenceJobConfig
}

// Infer starts a batch inference job.
func (c *Client) Infer(ctx context.Context, b Batch) (arn string, err error) {
	in := &personalize.CreateBatchInferenceJobInput{
		JobName: &b.Name, SolutionVersionArn: &b.Version, RoleArn: aws.String(Role), BatchInferenceJobConfig: b.Config,
		JobInput:  &types.BatchInferenceJobInput{S3DataSource: &types.S3DataConfig{Path: aws.String(Location(b.Input))}},
		JobOutput: &types.BatchInferenceJobOutput{S3DataDestination: &types.S3DataConfig{Path: aws.String(Location(b.Output))}},
	}
	if b.Filter != "" {
		in.FilterArn = &b.Filter
	}
	if b.Results != 0 {
		in.NumResults = &b.Results
	}
	out, err := c.API.CreateBatchInferenceJob(ctx, in)
	if err != nil {
		return "", err
	}
	return *out.BatchInferenceJobArn, nil
}

// The words a status is compared with.
const (
	Active  = "ACTIVE"
	Failed  = "CREATE FAILED"
	Stopped = "CREATE STOPPED"

	Inactive = "INACTIVE" // of a recommender

	Completed      = "COMPLETED" // of a data deletion job
	DeletionFailed = "FAILED"
)

// Await asks for a resource's status until it is settled, every 20 ms.
func (c *Client) Await(ctx context.Context, arn string) (status, reason string, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, reason, err = c.Status(ctx, arn)
		if err != nil || status == Active || status == Failed || status == Stopped || status == Inactive || status == Completed || status == DeletionFailed {
			return status, reason, err
		}
		select {
		case <-ctx.Done():
			return status, reason, fmt.Errorf("%s is still %s: %w", arn, status, ctx.Err())
		case <-tick.C:
		}
	}
}

// Status returns a resource's status and, if it failed, the reason.
func (c *Client) Status(ctx context.Context, arn string) (status, reason string, err error) {
	s, r, err := c.describe(ctx, arn)
	if err != nil {
		return "", "", err
	}
	return aws.ToString(s), aws.ToString(r), nil
}

func (c *Client) describe(ctx context.Context, arn string) (status, reason *string, err error) {
	kind, rest, _ := strings.Cut(arn[strings.LastIndexByte(arn, ':')+1:], "/")
	if kind == "solution" && strings.Contains(rest, "/") {
		kind = "solution version"
	}
	switch kind {
	case "dataset-group":
		out, err := c.API.DescribeDatasetGroup(ctx, &personalize.DescribeDatasetGroupInput{DatasetGroupArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.DatasetGroup.Status, out.DatasetGroup.FailureReason, nil
	case "dataset":
		out, err := c.API.DescribeDataset(ctx, &personalize.DescribeDatasetInput{DatasetArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.Dataset.Status, nil, nil
	case "dataset-import-job":
		out, err := c.API.DescribeDatasetImportJob(ctx, &personalize.DescribeDatasetImportJobInput{DatasetImportJobArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.DatasetImportJob.Status, out.DatasetImportJob.FailureReason, nil
	case "dataset-export-job":
		out, err := c.API.DescribeDatasetExportJob(ctx, &personalize.DescribeDatasetExportJobInput{DatasetExportJobArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.DatasetExportJob.Status, out.DatasetExportJob.FailureReason, nil
	case "data-deletion-job":
		out, err := c.API.DescribeDataDeletionJob(ctx, &personalize.DescribeDataDeletionJobInput{DataDeletionJobArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.DataDeletionJob.Status, out.DataDeletionJob.FailureReason, nil
	case "batch-segment-job":
		out, err := c.API.DescribeBatchSegmentJob(ctx, &personalize.DescribeBatchSegmentJobInput{BatchSegmentJobArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.BatchSegmentJob.Status, out.BatchSegmentJob.FailureReason, nil
	case "solution":
		out, err := c.API.DescribeSolution(ctx, &personalize.DescribeSolutionInput{SolutionArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.Solution.Status, nil, nil
	case "solution version":
		out, err := c.API.DescribeSolutionVersion(ctx, &personalize.DescribeSolutionVersionInput{SolutionVersionArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.SolutionVersion.Status, out.SolutionVersion.FailureReason, nil
	case "filter":
		out, err := c.API.DescribeFilter(ctx, &personalize.DescribeFilterInput{FilterArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.Filter.Status, out.Filter.FailureReason, nil
	case "campaign":
		out, err := c.API.DescribeCampaign(ctx, &personalize.DescribeCampaignInput{CampaignArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.Campaign.Status, out.Campaign.FailureReason, nil
	case "recommender":
		out, err := c.API.DescribeRecommender(ctx, &personalize.DescribeRecommenderInput{RecommenderArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.Recommender.Status, out.Recommender.FailureReason, nil
	case "event-tracker":
		out, err := c.API.DescribeEventTracker(ctx, &personalize.DescribeEventTrackerInput{EventTrackerArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.EventTracker.Status, nil, nil
	case "metric-attribution":
		out, err := c.API.DescribeMetricAttribution(ctx, &personalize.DescribeMetricAttributionInput{MetricAttributionArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.MetricAttribution.Status, out.MetricAttribution.FailureReason, nil
	case "batch-inference-job":
		out, err := c.API.DescribeBatchInferenceJob(ctx, &personalize.DescribeBatchInferenceJobInput{BatchInferenceJobArn: &arn})
		if err != nil {
			return nil, nil, err
		}
		return out.BatchInferenceJob.Status, out.BatchInferenceJob.FailureReason, nil
	}
	return nil, nil, fmt.Errorf("clienttest: %s has no status", arn)
}
