package recipe

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/eval"
)

// Balance returns how many times as much as relevance a solution's objective counts at an objectiveSensitivity; ""
// is OFF. The service says that MEDIUM is equal, and in which order they are. false for a word that is none.
func Balance(sensitivity string) (float64, bool) {
	b, ok := map[string]float64{"": 0, "OFF": 0, "LOW": 1. / 3, "MEDIUM": 1, "HIGH": 3}[sensitivity]
	return b, ok
}

// farReward bounds standard rewards: one item of a fortune must not decide every list.
const farReward = 3

// StandardRewards returns rewards with mean 0 and variance 1, cut at 3 to either side; unknown ones are 0, and all
// are if they do not differ.
func StandardRewards(reward []float64) []float32 {
	var n, sum, squares float64
	for _, r := range reward {
		if !math.IsNaN(r) {
			n, sum = n+1, sum+r
		}
	}
	mean := sum / max(n, 1)
	for _, r := range reward {
		if !math.IsNaN(r) {
			squares += (r - mean) * (r - mean)
		}
	}
	deviation := math.Sqrt(squares / max(n, 1))
	out := make([]float32, len(reward))
	for i, r := range reward {
		if !math.IsNaN(r) && deviation > 0 {
			out[i] = float32(max(-farReward, min(farReward, (r-mean)/deviation)))
		}
	}
	return out
}

// rewardDepth is how many items are listed for each test user when rewards are measured: the best paying 25 of a
// list of 25 would be all of it.
const rewardDepth = 100

// EvaluateRewards asks model about every test, as [Evaluate] does for longer lists, and returns average_rewards_at_k,
// rounded to 4 decimals. reward is by item.
func EvaluateRewards(ctx context.Context, model Model, asks Asks, tests []Test, reward []float64) (float64, error) {
	results, err := lists(ctx, model, asks, tests, rewardDepth)
	if err != nil {
		return 0, err
	}
	return math.Round(1e4*eval.AverageRewards(results, notNegative(reward))) / 1e4, nil
}

// notNegative lifts rewards so that the least is 0 if some are below; unknown ones are 0.
func notNegative(reward []float64) []float64 {
	out := slices.Clone(reward)
	var least float64
	for _, r := range reward {
		if r < least { // not if it is unknown
			least = r
		}
	}
	for i, r := range reward {
		if out[i] = r - least; math.IsNaN(r) {
			out[i] = 0
		}
	}
	return out
}
