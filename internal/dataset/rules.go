package dataset

import (
	"slices"
	"strings"
)

// A form says how a reserved field must be written in a schema.
type form struct {
	types    []Type
	required bool // must be there, and must not be null
	flag     flag
}

// A flag is the attribute that a reserved string field must carry.
type flag int

const (
	plain       flag = iota // neither categorical nor textual
	categorical             //
	textual                 //
	free                    // as the caller likes
)

// Rules are what the fields of one dataset type in one domain must be.
type rules struct {
	reserved    map[string]form
	oneOf       []string // one of these reserved fields must be there
	most        int      // fields that are not reserved
	metadata    bool     // there must be a field beside the id
	descriptive bool     // and it must be categorical or numeric
}

var (
	text  = []Type{String}
	long  = []Type{Long}
	float = []Type{Float}
	// The documentation gives an e-commerce CREATION_TIMESTAMP as float in one place and long in others.
	longOrFloat = []Type{Long, Float}

	id       = form{types: text, required: true}
	moment   = form{types: long, required: true}
	category = form{types: text, flag: categorical}
	optText  = form{types: text}
	optLong  = form{types: long}
	optFloat = form{types: float}
	prose    = form{types: text, flag: textual}
)

// customRules are those of groups without a domain.
var customRules = map[string]rules{
	Interactions: {
		reserved: map[string]form{
			"USER_ID": id, "ITEM_ID": id, "TIMESTAMP": moment,
			"EVENT_TYPE": optText, "EVENT_VALUE": optFloat, "IMPRESSION": optText,
			"RECOMMENDATION_ID": optText, "EVENT_ATTRIBUTION_SOURCE": optText,
		},
		most: 5,
	},
	Users: {reserved: map[string]form{"USER_ID": id}, most: 25, metadata: true, descriptive: true},
	Items: {
		reserved: map[string]form{"ITEM_ID": id, "CREATION_TIMESTAMP": optLong},
		most:     100, metadata: true,
	},
	Actions: {
		reserved: map[string]form{
			"ACTION_ID": id, "CREATION_TIMESTAMP": optLong, "VALUE": optLong, "TYPE": {types: text, flag: free},
			"ACTION_EXPIRATION_TIMESTAMP": optLong, "EXPIRATION_TIMESTAMP": optLong, "REPEAT_FREQUENCY": optLong,
		},
		most: 10, metadata: true,
	},
	ActionInteractions: {
		reserved: map[string]form{
			"USER_ID": id, "ACTION_ID": id, "EVENT_TYPE": id, "TIMESTAMP": moment,
			"IMPRESSION": optText, "RECOMMENDATION_ID": optText,
		},
		most: 5,
	},
}

// ecommerceItems and videoItems replace the custom rules of Items in a domain.
var (
	ecommerceItems = rules{
		reserved: map[string]form{
			"ITEM_ID": id, "PRICE": {types: float, required: true},
			"CATEGORY_L1": {types: text, required: true, flag: categorical}, "CATEGORY_L2": category, "CATEGORY_L3": category,
			"PRODUCT_DESCRIPTION": prose, "CREATION_TIMESTAMP": {types: longOrFloat},
			"AGE_GROUP": category, "ADULT": category, "GENDER": category,
		},
		most: 100,
	}
	videoItems = rules{
		reserved: map[string]form{
			"ITEM_ID": id, "CREATION_TIMESTAMP": moment,
			"GENRES": category, "GENRES_L1": category, // two names for one thing in the documentation
			"GENRE_L2": category, "GENRE_L3": category, "GENRES_L2": category, "GENRES_L3": category,
			"PRICE": optFloat, "DURATION": optFloat, "AVERAGE_RATING": optFloat,
			"PRODUCT_DESCRIPTION": prose, "CONTENT_OWNER": category, "CONTENT_CLASSIFICATION": category,
		},
		oneOf: []string{"GENRES", "GENRES_L1"},
		most:  100,
	}
)

// rulesFor returns the rules of a dataset type; a domain has only three types.
func rulesFor(datasetType, domain string) (rules, bool) {
	r := customRules[datasetType]
	switch {
	case domain == "":
		return r, true
	case datasetType == Interactions:
		r.reserved = with(r.reserved, "EVENT_TYPE", id)
	case datasetType == Items && domain == Ecommerce:
		r = ecommerceItems
	case datasetType == Items && domain == VideoOnDemand:
		r = videoItems
	case datasetType == Users && domain == VideoOnDemand:
		r.reserved = with(r.reserved, "SUBSCRIPTION_MODEL", category)
	case datasetType != Users:
		return rules{}, false
	}
	return r, domain == Ecommerce || domain == VideoOnDemand
}

// with returns a copy of m with one entry replaced.
func with(m map[string]form, name string, f form) map[string]form {
	c := make(map[string]form, len(m)+1)
	for k, v := range m {
		c[k] = v
	}
	c[name] = f
	return c
}

// check applies the rules to a schema whose syntax is in order.
func (r rules) check(s *Schema) error {
	if err := r.checkRequired(s); err != nil {
		return err
	}
	custom := 0
	for _, f := range s.Fields {
		reserved, is := r.reserved[f.Name]
		if !is {
			custom++
			continue
		}
		if err := reserved.check(f); err != nil {
			return err
		}
	}
	if custom > r.most {
		return invalid("The %s schema has %d metadata fields: expected at most %d.", title(s.Type), custom, r.most)
	}
	return r.checkMetadata(s)
}

// checkRequired looks for the fields that must be there, and names the first missing one by alphabet.
func (r rules) checkRequired(s *Schema) error {
	var missing []string
	for name, f := range r.reserved {
		if f.required && !s.has(name) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		return invalid("The %s schema is missing the required fields [%s].", title(s.Type), strings.Join(missing, ", "))
	}
	if len(r.oneOf) > 0 && !slices.ContainsFunc(r.oneOf, s.has) {
		return invalid("The %s schema is missing a required field: expected %s.", title(s.Type), strings.Join(r.oneOf, " or "))
	}
	for _, f := range s.Fields {
		if slices.Contains(r.oneOf, f.Name) && f.Nullable {
			return invalid("Field %s can be null: a required field must not.", f.Name)
		}
	}
	return nil
}

// has reports whether there is a field of exactly that name.
func (s *Schema) has(name string) bool {
	return slices.ContainsFunc(s.Fields, func(f Field) bool { return f.Name == name })
}

// checkMetadata looks for a field that says something about the id.
func (r rules) checkMetadata(s *Schema) error {
	if !r.metadata {
		return nil
	}
	for _, f := range s.Fields {
		if r.reserved[f.Name].required {
			continue
		}
		if !r.descriptive || f.Categorical || f.Type.Numeric() {
			return nil
		}
	}
	if r.descriptive {
		return invalid("The %s schema has no metadata field: expected at least one categorical string or number.", title(s.Type))
	}
	return invalid("The %s schema has no metadata field: expected at least one beside the id.", title(s.Type))
}

// check compares a field with the form reserved for its name.
func (want form) check(f Field) error {
	if !slices.Contains(want.types, f.Type) {
		return invalid("Field %s is %s: the reserved field must be %s.", f.Name, f.Type, want.types[0])
	}
	if want.required && f.Nullable {
		return invalid("Field %s can be null: a required field must not.", f.Name)
	}
	if f.Type != String {
		return nil
	}
	switch {
	case want.flag == categorical && !f.Categorical:
		return invalid(`Field %s must be "categorical": true.`, f.Name)
	case want.flag == textual && !f.Textual:
		return invalid(`Field %s must be "textual": true.`, f.Name)
	case want.flag == plain && (f.Categorical || f.Textual || f.ItemName):
		return invalid("Field %s must be a plain string: neither categorical nor textual.", f.Name)
	}
	return nil
}

// keys returns the names of the columns that identify a record of the type.
func keys(datasetType string) []string {
	switch datasetType {
	case Interactions:
		return []string{"USER_ID", "ITEM_ID"}
	case ActionInteractions:
		return []string{"USER_ID", "ACTION_ID"}
	case Users:
		return []string{"USER_ID"}
	case Actions:
		return []string{"ACTION_ID"}
	}
	return []string{"ITEM_ID"}
}
