package eval

import "math"

// A Segment is one query for users: who was listed, best first, and who did interact. Truth has no duplicates;
// a query without truth is not counted.
type Segment struct {
	Listed []int32
	Truth  []int32
}

// OnePercent is how many users the metrics of segments look at: one in a hundred, at least one.
func OnePercent(users int) int { return max(1, int(math.Round(float64(users)/100))) }

// SegmentMetrics returns coverage, hits_at_1_percent and recall_at_1_percent (training.md §10). With K =
// OnePercent(users), hits is the mean number of the first K that did interact, and recall the mean of hits over
// what they could have been, min(K, all who did). coverage is the share of users who are among the first K
// of some query. Without any truth everything is 0.
func SegmentMetrics(results []Segment, users int) map[string]float64 {
	m := map[string]float64{"coverage": 0, "hits_at_1_percent": 0, "recall_at_1_percent": 0}
	k, count := OnePercent(users), 0.0
	listed := map[int32]bool{}
	for _, r := range results {
		if len(r.Truth) == 0 {
			continue
		}
		count++
		did := make(map[int32]bool, len(r.Truth))
		for _, u := range r.Truth {
			did[u] = true
		}
		hits := 0.0
		for _, u := range r.Listed[:min(k, len(r.Listed))] {
			listed[u] = true
			if did[u] {
				hits++
			}
		}
		m["hits_at_1_percent"] += hits
		m["recall_at_1_percent"] += hits / float64(min(k, len(r.Truth)))
	}
	if count > 0 {
		m["hits_at_1_percent"] /= count
		m["recall_at_1_percent"] /= count
	}
	if users > 0 {
		m["coverage"] = float64(len(listed)) / float64(users)
	}
	return m
}
