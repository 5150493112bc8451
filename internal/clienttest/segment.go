package clienttest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
)

// Segment starts a batch segment job.
func (c *Client) Segment(ctx context.Context, b Batch) (arn string, err error) {
	in := &personalize.CreateBatchSegmentJobInput{
		JobName: &b.Name, SolutionVersionArn: &b.Version, RoleArn: aws.String(Role),
		JobInput:  &types.BatchSegmentJobInput{S3DataSource: &types.S3DataConfig{Path: aws.String(Location(b.Input))}},
		JobOutput: &types.BatchSegmentJobOutput{S3DataDestination: &types.S3DataConfig{Path: aws.String(Location(b.Output))}},
	}
	if b.Filter != "" {
		in.FilterArn = &b.Filter
	}
	if b.Results != 0 {
		in.NumResults = &b.Results
	}
	out, err := c.API.CreateBatchSegmentJob(ctx, in)
	if err != nil {
		return "", err
	}
	return *out.BatchSegmentJobArn, nil
}
