// Package train turns the data of a dataset group into a model: the flow behind a solution version or a
// recommender, and the way back from either to its model.
//
// A first reading: flow.go tells the training from snapshot to metrics, source.go opens what it left.
package train

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
)

// FlowKind names the flow of solution versions and recommenders.
const FlowKind = "train"

// An Order is the payload of a training: the solution's configuration as it was when the version was
// created, or that of a recommender.
type Order struct {
	Recipe    string             `json:"recipe"` // name
	Group     arn.ARN            `json:"group"`
	Params    map[string]string  `json:"params"` // every parameter of the recipe
	EventType string             `json:"eventType,omitempty"`
	Threshold *float64           `json:"threshold,omitempty"`
	Events    dataset.EventKinds `json:"events,omitempty"` // take the place of EventType and Threshold
	// Objective is the item column that counts beside relevance, and Sensitivity how much; "" for none.
	Objective   string              `json:"objective,omitempty"`
	Sensitivity string              `json:"sensitivity,omitempty"`
	Included    map[string][]string `json:"included,omitempty"`
	Excluded    map[string][]string `json:"excluded,omitempty"`
	Seed        uint64              `json:"seed"`
	// Split decides who is held out when the version is measured. It is the same for all solutions of a
	// group, so that their metrics are about the same users.
	Split uint64 `json:"split"`
	// Since is when the solution was created, Unix milliseconds: columns that came later are not for it.
	Since int64 `json:"since,omitempty"`

	// Trials are sets of parameters to choose from, the default first; Tuned names those that differ.
	Trials []map[string]string `json:"trials,omitempty"`
	Tuned  []string            `json:"tuned,omitempty"`
	// Candidates, if there are any, are recipes to choose from by Metric; what is chosen takes the place of Recipe,
	// Params, Trials and Tuned.
	Candidates []Candidate `json:"candidates,omitempty"`
	Metric     string      `json:"metric,omitempty"` // "" for NDCG@25
	// Base is the version to bring up to date, "" to learn in full.
	Base arn.ARN `json:"base,omitempty"`
}

// A State is what the catalog keeps of a version or a recommender beside the resource, once it is trained.
type State struct {
	Order   Order              `json:"order"`
	Model   string             `json:"model"` // key of the artifact
	Metrics map[string]float64 `json:"metrics"`
	Data    string             `json:"data"`            // Fingerprint of what it learned from
	Items   string             `json:"items,omitempty"` // FingerprintItems of that
}

// StateOf returns the state in a version's record; it is empty before the version is ACTIVE.
func StateOf(rec catalog.Record) (State, error) {
	var st State
	if len(rec.Extra) == 0 {
		return st, nil
	}
	if err := json.Unmarshal(rec.Extra, &st); err != nil {
		return st, fmt.Errorf("state of %s: %w", rec.ARN, err)
	}
	return st, nil
}

// Prefix is where the artifacts of a version or a recommender are kept.
func Prefix(version arn.ARN) string {
	folder := "models"
	if version.Kind() == arn.Recommender {
		folder = "recommenders" // one may have the name of a solution
	}
	return strings.Join([]string{folder, version.Region(), version.Account(), version.Name()}, "/") + "/"
}
