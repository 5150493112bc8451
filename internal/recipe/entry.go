package recipe

// An Entry is one line of the list of recipes: what the API tells of a recipe, and the algorithm if
// there is one.
type Entry struct {
	Info
	Domain  string  // "" for a recipe of custom dataset groups
	UseCase UseCase // of a recipe of a domain
	Retired bool    // can be used and described, but is not listed
	Trainer Trainer // nil for a recipe that is listed but cannot be trained
}

// A UseCase is what a recipe of a domain is beside its algorithm (domains.md §2 and §3).
type UseCase struct {
	EventType  string // it learns from events of this type, in any letter case; "" for all
	Hides      string // answers leave out items that the user has events of this type with; "" for none
	NeedsItems bool   // it learns from the Items dataset, which must be there
	NeedsUser  bool   // requests must name a user
	NeedsItem  bool   // requests must name an item
}
