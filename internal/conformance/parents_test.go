package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
)

// named are the members of an operation that name Personalize resources.
func named(op *api.Operation) []string {
	var list []string
	for _, m := range op.InputShape.Members {
		if m.Shape.Name == "Arn" {
			list = append(list, m.Name)
		}
	}
	return list
}

// unknownLike returns the ARN of a resource of the kind that a member names, which nobody ever made.
func unknownLike(member, account string) string {
	service := map[string]string{"recipeArn": arn.RecipeKind, "algorithmArn": arn.Algorithm, "featureTransformationArn": arn.FeatureTransformation}
	if kind, ok := service[member]; ok {
		return arn.Service(kind, "aws-unknown").String()
	}
	k, _ := kindOf(member)
	switch k.name {
	case "":
		k.name = arn.Filter // resourceArn
	case arn.Dataset:
		return arn.New(region, account, arn.Dataset, "unknown/ITEMS").String()
	case arn.SolutionVersion:
		return arn.New(region, account, arn.Solution, "unknown/0a1b2c3d").String()
	}
	return arn.New(region, account, k.name, "unknown").String()
}

// Whatever a request names must be there, be of the right kind, and belong to the caller's account; another
// account's resource is as unknown as one that nobody made. A refused request changes nothing.
func TestParents(t *testing.T) {
	first, second, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, first)
	for _, op := range answered() {
		for _, member := range named(op) {
			in, ok := w.of(op.Name)
			if !ok {
				t.Errorf("%s: the tests have no request for it", op.Name)
				continue
			}
			t.Run(op.Name+"/"+member, func(t *testing.T) {
				lists := strings.HasPrefix(op.Name, "List") && !op.Models("ResourceNotFoundException")
				notThere := func(what string, c *caller, in request) {
					r := c.call(t, op.Name, in)
					switch {
					case lists && r.status == http.StatusOK:
						if page := r.body[op.ResultKey].([]any); len(page) > 0 {
							t.Errorf("%s of %s = %s, want an empty list", op.Name, what, r)
						}
					case lists && r.kind == "InvalidInputException":
					case r.kind != "ResourceNotFoundException":
						t.Errorf("%s of %s = %s, want ResourceNotFoundException", op.Name, what, r)
					}
				}
				notThere("what nobody made", first, with(in, member, unknownLike(member, first.account)))
				notThere("what would be another account's", first, with(in, member, unknownLike(member, second.account)))
				if !strings.Contains(unknownLike(member, ""), ":::") && in[member] != nil {
					notThere("another account's resource", second, in)
				}
				other := w.have[arn.Schema]
				if member == "schemaArn" {
					other = w.have[arn.DatasetGroup]
				}
				r := first.call(t, op.Name, with(in, member, other))
				if empty := lists && r.status == http.StatusOK && len(r.body[op.ResultKey].([]any)) == 0; !empty && r.kind != "InvalidInputException" {
					t.Errorf("%s with a %s of another kind = %s, want InvalidInputException", op.Name, member, r)
				}
			})
		}
	}
	t.Run("nothing came or went", func(t *testing.T) {
		nothing(t, second)
		for kind, a := range w.have {
			if doc := w.describe(a); doc["status"] != nil && doc["status"] != "ACTIVE" && doc["status"] != "COMPLETED" {
				t.Errorf("the %s is %v, want it as it was", kind, doc["status"])
			}
		}
	})
}

// Lists refuse tokens that they did not give out, and those of another list.
func TestTokens(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := &world{caller: c, t: t}
	w.schema("Users", "")
	w.schema("Users", "")
	token := c.ok(t, "ListSchemas", request{"maxResults": 1})["nextToken"]
	for _, op := range answered() {
		if !op.Paginated {
			continue
		}
		in := request{}
		if op.Name == "ListMetricAttributionMetrics" {
			continue // TestAttributionMetrics
		}
		c.refused(t, "InvalidNextTokenException", "", op.Name, with(in, "nextToken", "forged"))
		if op.Name != "ListSchemas" {
			c.refused(t, "InvalidNextTokenException", "", op.Name, with(in, "nextToken", token))
		}
	}
}
