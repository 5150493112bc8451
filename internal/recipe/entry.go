package recipe

// An Entry is one line of the list of recipes: what the API tells of a recipe, and the algorithm if
// there is one.
type Entry struct {
	Info
	Domain  string  // "" for a recipe of custom dataset groups
	Retired bool    // can be used and described, but is not listed
	Trainer Trainer // nil for a recipe that is listed but cannot be trained yet
}
