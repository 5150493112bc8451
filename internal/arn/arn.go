// Package arn builds and takes apart the names of resources.
//
// Resources are named arn:aws:personalize:<region>:<account>:<kind>/<name>; recipes, algorithms and
// feature transformations belong to the service and have neither region nor account.
package arn

import "strings"

// An ARN names one resource.
type ARN string

// The kinds of resource, spelled as they stand in an ARN.
const (
	DatasetGroup          = "dataset-group"
	Schema                = "schema"
	Dataset               = "dataset"
	DatasetImportJob      = "dataset-import-job"
	DatasetExportJob      = "dataset-export-job"
	DataDeletionJob       = "data-deletion-job"
	Solution              = "solution"
	SolutionVersion       = "solution-version" // not in an ARN: a version is solution/<name>/<id>
	Campaign              = "campaign"
	Recommender           = "recommender"
	Filter                = "filter"
	EventTracker          = "event-tracker"
	BatchInferenceJob     = "batch-inference-job"
	BatchSegmentJob       = "batch-segment-job"
	MetricAttribution     = "metric-attribution"
	RecipeKind            = "recipe"
	Algorithm             = "algorithm"
	FeatureTransformation = "feature-transformation"
)

// New names a resource of an account. The name may hold slashes: dataset/<group>/<TYPE>.
func New(region, account, kind, name string) ARN {
	return ARN("arn:aws:personalize:" + region + ":" + account + ":" + kind + "/" + name)
}

// Service names a resource of the service itself, such as a recipe.
func Service(kind, name string) ARN { return New("", "", kind, name) }

// part returns the nth colon-separated part; the last one takes the rest.
func (a ARN) part(n int) string {
	p := strings.SplitN(string(a), ":", 6)
	if n >= len(p) {
		return ""
	}
	return p[n]
}

// Valid reports whether a has the six parts of a Personalize ARN and a kind and a name.
func (a ARN) Valid() bool {
	return strings.HasPrefix(string(a), "arn:") && a.part(2) == "personalize" && a.resource() != "" && a.Name() != ""
}

func (a ARN) resource() string { return a.part(5) }

// Region returns the region, empty for what belongs to the service.
func (a ARN) Region() string { return a.part(3) }

// Account returns the twelve-digit account, empty for what belongs to the service.
func (a ARN) Account() string { return a.part(4) }

// Kind returns the kind of resource. A solution with a second part is a solution version.
func (a ARN) Kind() string {
	kind, name, _ := strings.Cut(a.resource(), "/")
	if kind == Solution && strings.Contains(name, "/") {
		return SolutionVersion
	}
	return kind
}

// Name returns everything behind the kind.
func (a ARN) Name() string {
	_, name, _ := strings.Cut(a.resource(), "/")
	return name
}

// Parent returns the solution of a solution version, and "" for everything else.
func (a ARN) Parent() ARN {
	if a.Kind() != SolutionVersion {
		return ""
	}
	return a[:strings.LastIndexByte(string(a), '/')]
}

func (a ARN) String() string { return string(a) }
