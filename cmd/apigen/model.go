package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A service is one service model.
type service struct {
	Name   string // as the signature's client libraries call it: personalize-runtime
	prefix string // what sets its names apart from those of the other services: runtime

	Metadata struct {
		TargetPrefix string `json:"targetPrefix"`
	} `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
	Pagination map[string]struct {
		ResultKey string `json:"result_key"`
	} `json:"pagination"`
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method string `json:"method"`
		URI    string `json:"requestUri"`
	} `json:"http"`
	Input  *ref  `json:"input"`
	Output *ref  `json:"output"`
	Errors []ref `json:"errors"`
}

// A ref is a use of a shape.
type ref struct {
	Shape     string `json:"shape"`
	JSONValue bool   `json:"jsonvalue"` // a string that holds JSON
}

type shape struct {
	Type      string         `json:"type"`
	Members   map[string]ref `json:"members"`
	Required  []string       `json:"required"`
	Member    *ref           `json:"member"` // of a list
	Key       *ref           `json:"key"`    // of a map
	Value     *ref           `json:"value"`
	Min       *float64       `json:"min"`
	Max       *float64       `json:"max"`
	Pattern   string         `json:"pattern"`
	Enum      []string       `json:"enum"`
	Sensitive bool           `json:"sensitive"`
	Exception bool           `json:"exception"`
	Error     struct {
		Status int `json:"httpStatusCode"`
	} `json:"error"`
}

// The services, in the order in which they may take a name: a later one gets a prefix if it means
// something else by the same name.
var serviceFiles = []struct{ name, prefix string }{
	{"personalize", "personalize"},
	{"personalize-runtime", "runtime"},
	{"personalize-events", "events"},
}

// alsoRequired lists members that the service demands although its model does not say so.
var alsoRequired = map[string]string{
	"UpdateMetricAttributionRequest": "metricAttributionArn",
}

func readModels(dir string) ([]*service, error) {
	var services []*service
	for _, f := range serviceFiles {
		text, err := os.ReadFile(filepath.Join(dir, f.name+".json"))
		if err != nil {
			return nil, err
		}
		s := &service{Name: f.name, prefix: f.prefix}
		if err := json.Unmarshal(text, s); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		s.amend()
		services = append(services, s)
	}
	return services, nil
}

func (s *service) amend() {
	for name, member := range alsoRequired {
		if sh := s.Shapes[name]; sh != nil && !slices.Contains(sh.Required, member) {
			sh.Required = append(sh.Required, member)
		}
	}
}

// target is what X-Amz-Target says for an operation, or "" where the path decides.
func (s *service) target(op string) string {
	if s.Metadata.TargetPrefix == "" {
		return ""
	}
	return s.Metadata.TargetPrefix + "." + op
}

// names returns the keys of m in order.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
