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
