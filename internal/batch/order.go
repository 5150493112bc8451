package batch

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// An Order is the payload of a batch inference job.
type Order struct {
	JobName         string            `json:"jobName"`
	SolutionVersion arn.ARN           `json:"solutionVersion"`
	Filter          string            `json:"filter,omitzero"`   // expression; "" for none
	NumResults      int               `json:"numResults"`        // effective; at least 1
	Input           string            `json:"input"`             // s3://bucket/prefix
	InputKMS        string            `json:"inputKms,omitzero"` // for the record: S3 decrypts without being told the key
	Output          string            `json:"output"`            // s3://bucket/folder
	OutputKMS       string            `json:"outputKms,omitzero"`
	Exploration     map[string]string `json:"exploration,omitzero"` // nil for the recipe's default
	Influence       *recipe.Influence `json:"influence,omitzero"`   // nil for none
	Theme           *Theme            `json:"theme,omitzero"`       // nil for a list without one
}

// The names of the settings of an exploration.
const (
	weightKey = "explorationWeight"
	maxAgeKey = "explorationItemAgeCutOff"
)

// ParseExploration reads an itemExplorationConfig: explorationWeight from 0 to 1 (0.3 if missing) and
// explorationItemAgeCutOff in days from 1 (30 if missing). fault.Invalid for other keys and values.
func ParseExploration(config map[string]string) (*recipe.Exploration, error) {
	e := recipe.DefaultExploration()
	for key := range config {
		if key != weightKey && key != maxAgeKey {
			return nil, fault.Newf(fault.Invalid, "itemExplorationConfig has no setting %q; it takes %s and %s.", clip(key, 64), weightKey, maxAgeKey)
		}
	}
	if err := setting(config, weightKey, 0, 1, "a number from 0 to 1", &e.Weight); err != nil {
		return nil, err
	}
	if err := setting(config, maxAgeKey, 1, math.MaxFloat64, "a number of days, at least 1", &e.MaxAge); err != nil {
		return nil, err
	}
	return e, nil
}

// setting reads one number into v if config has it.
func setting(config map[string]string, key string, low, high float64, want string, v *float64) error {
	s, ok := config[key]
	if !ok {
		return nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x >= low && x <= high) {
		return fault.Newf(fault.Invalid, "itemExplorationConfig: %s is %q; expected %s.", key, clip(s, 64), want)
	}
	*v = x
	return nil
}

// exploration returns how the job explores: nil when the recipe does not.
func (o *Order) exploration(info recipe.Info) (*recipe.Exploration, error) {
	if !info.Explores {
		return nil, nil
	}
	return ParseExploration(o.Exploration)
}

// CheckLocations parses where a job reads and writes. fault.Invalid if one is no S3 location, or if both
// are the same folder.
func CheckLocations(input, output string) (in, out blob.Location, err error) {
	if in, err = blob.ParseLocation(input); err != nil {
		return in, out, fault.Newf(fault.Invalid, "Invalid S3 input path. %s", fault.Sentence(err))
	}
	if out, err = blob.ParseLocation(output); err != nil {
		return in, out, fault.Newf(fault.Invalid, "Invalid S3 output path. %s", fault.Sentence(err))
	}
	out = out.Folder()
	if in.Folder() == out {
		return in, out, fault.Newf(fault.Invalid, "Invalid S3 output path. %s is the input path as well; expected another folder.", output)
	}
	return in, out, nil
}

// The names of what rankingInfluence weighs.
const (
	popularityKey = "POPULARITY"
	freshnessKey  = "FRESHNESS"
)

// ParseInfluence reads a rankingInfluence: POPULARITY and FRESHNESS, each from 0 to 1 and 0 if missing. It is nil
// for an empty one. fault.Invalid for other keys and values.
func ParseInfluence(config map[string]float64) (*recipe.Influence, error) {
	if len(config) == 0 {
		return nil, nil
	}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if key != popularityKey && key != freshnessKey {
			return nil, fault.Newf(fault.Invalid, "rankingInfluence has no setting %q; it takes %s and %s.", clip(key, 64), popularityKey, freshnessKey)
		}
		if v := config[key]; !(v >= 0 && v <= 1) {
			return nil, fault.Newf(fault.Invalid, "rankingInfluence: %s is %v; expected a number from 0 to 1.", key, v)
		}
	}
	return &recipe.Influence{Popularity: config[popularityKey], Freshness: config[freshnessKey]}, nil
}

// clip cuts s for a sentence, at most n bytes and dots behind.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 { // not inside a character
		n--
	}
	return s[:n] + "…"
}
