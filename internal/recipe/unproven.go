package recipe

// ProvenBy is how many users say all about an item that metadata could.
const ProvenBy = 10

// Unproven is how much of what is told of an item with so many users is to come from its metadata: all for an item that
// nobody has met, half for one user's, nothing from ProvenBy on.
func Unproven(users float64) float64 {
	if users >= ProvenBy {
		return 0
	}
	return (ProvenBy - users) / (ProvenBy * (1 + users))
}

// shownForOne is how often an item is shown to users who take another for it to be as well tried as by one who takes it.
const shownForOne = 5

// Tried returns how many users have met each item, and a fifth of how often others were shown it and took another: what is
// tried so is known better, and explored less. It is users itself if nobody was shown anything.
func Tried(d *Data, users []int32) []int32 { return TriedBy(d.Shown, users) }

// TriedBy is Tried for other counts of users.
func TriedBy[N int32 | float64](shown []int32, users []N) []N {
	if shown == nil {
		return users
	}
	tried := make([]N, len(users))
	for i, n := range users {
		tried[i] = n + N(shown[i]/shownForOne)
	}
	return tried
}
