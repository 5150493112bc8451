package dataset

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
)

// The dataset types, spelled as the API reports them.
const (
	Interactions       = "INTERACTIONS"
	Items              = "ITEMS"
	Users              = "USERS"
	Actions            = "ACTIONS"
	ActionInteractions = "ACTION_INTERACTIONS"
)

// The domains of a dataset group; "" is a custom group.
const (
	Ecommerce     = "ECOMMERCE"
	VideoOnDemand = "VIDEO_ON_DEMAND"
)

// A Type is the Avro type of a field's values.
type Type int

// The types a field can have.
const (
	String Type = iota
	Long
	Int
	Float
	Double
	Boolean
)

var typeNames = [...]string{"string", "long", "int", "float", "double", "boolean"}

func (t Type) String() string { return typeNames[t] }

// Numeric reports whether values of the type are numbers.
func (t Type) Numeric() bool { return t >= Long && t <= Double }

// A Field is one column of a dataset.
type Field struct {
	Name        string
	Type        Type
	Nullable    bool
	Categorical bool // a string of values separated by '|' that training may learn from
	Textual     bool // free text; at most one, Items only
	ItemName    bool // the column that titles an item
}

// A Schema is what a dataset's records look like: an Avro record with Personalize's rules.
type Schema struct {
	Type   string // Interactions, Items, …
	Fields []Field
}

// Field returns the field of that name in any letter case.
func (s *Schema) Field(name string) (Field, bool) {
	if i := s.index(name); i >= 0 {
		return s.Fields[i], true
	}
	return Field{}, false
}

// index returns the position of the field of that name in any letter case, -1 for none.
func (s *Schema) index(name string) int {
	for i := range s.Fields {
		if strings.EqualFold(s.Fields[i].Name, name) {
			return i
		}
	}
	return -1
}

// ParseSchema reads the text of a CreateSchema request, for a domain or "" for a custom group.
//
// Everything that breaks a rule is fault.Invalid with a sentence that names the field and the rule.
// Attributes that the rules do not speak of are ignored.
func ParseSchema(text, domain string) (*Schema, error) {
	s, err := parseRecord(text)
	if err != nil {
		return nil, err
	}
	r, ok := rulesFor(s.Type, domain)
	if !ok {
		return nil, invalid("The domain %s has no %s dataset.", domain, title(s.Type))
	}
	if err := s.checkNames(); err != nil {
		return nil, err
	}
	if err := s.checkFlags(); err != nil {
		return nil, err
	}
	return s, r.check(s)
}

// invalid is a rule broken by the caller.
func invalid(format string, args ...any) error { return fault.Newf(fault.Invalid, format, args...) }

// recordTypes maps the name of an Avro record, in lower case, to the dataset type it is for.
var recordTypes = map[string]string{
	"interactions":       Interactions,
	"items":              Items,
	"users":              Users,
	"actions":            Actions,
	"actioninteractions": ActionInteractions, // no underscore here, unlike everywhere else
}

// titles are the dataset types as sentences and Avro records name them.
var titles = map[string]string{
	Interactions: "Interactions", Items: "Items", Users: "Users",
	Actions: "Actions", ActionInteractions: "ActionInteractions",
}

func title(datasetType string) string { return titles[datasetType] }

// parseRecord reads the Avro record without asking what its fields are for.
func parseRecord(text string) (*Schema, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &top); err != nil || top == nil {
		return nil, invalid("The schema is not a JSON object: expected an Avro record.")
	}
	if err := checkTop(top); err != nil {
		return nil, err
	}
	name, ok := word(top["name"])
	if !ok {
		return nil, invalid("The schema has no name: expected one of Interactions, Items, Users, Actions, ActionInteractions.")
	}
	datasetType, ok := recordTypes[strings.ToLower(name)]
	if !ok {
		return nil, invalid("The schema's name is %q: expected one of Interactions, Items, Users, Actions, ActionInteractions.", name)
	}
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(top["fields"], &raw); err != nil || len(raw) == 0 {
		return nil, invalid("The schema has no fields: expected a list of objects with a name and a type.")
	}
	s := &Schema{Type: datasetType, Fields: make([]Field, len(raw))}
	for i := range raw {
		f, err := parseField(i, raw[i])
		if err != nil {
			return nil, err
		}
		s.Fields[i] = f
	}
	return s, nil
}

const namespace = "com.amazonaws.personalize.schema"

// checkTop checks the attributes of the record that always have the same value.
func checkTop(top map[string]json.RawMessage) error {
	if t, _ := word(top["type"]); t != "record" {
		return invalid(`The schema's type is %s: expected "record".`, show(top["type"]))
	}
	// Neither is needed to read the schema, so a missing one does no harm; a different one means that
	// the schema was written for something else.
	for _, a := range [][2]string{{"namespace", namespace}, {"version", "1.0"}} {
		raw, there := top[a[0]]
		if v, _ := word(raw); there && v != a[1] {
			return invalid("The schema's %s is %s: expected %q.", a[0], show(raw), a[1])
		}
	}
	return nil
}

// word reads a JSON string.
func word(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// show prints a JSON value in a sentence.
func show(raw json.RawMessage) string {
	const most = 80 // enough to recognise it by
	switch {
	case len(raw) == 0:
		return "missing"
	case len(raw) > most:
		return strings.ToValidUTF8(string(raw[:most]), "") + "…"
	}
	return string(raw)
}

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,149}$`)

// parseField reads the i-th field.
func parseField(i int, raw map[string]json.RawMessage) (Field, error) {
	var f Field
	var ok bool
	if f.Name, ok = word(raw["name"]); !ok {
		return f, invalid("Field %d of the schema has no name.", i+1)
	}
	if !namePattern.MatchString(f.Name) {
		return f, invalid("Field name %q is not allowed: expected letters, digits and underscores, no digit first, at most 150 characters.", f.Name)
	}
	var err error
	if f.Type, f.Nullable, err = parseType(f.Name, raw["type"]); err != nil {
		return f, err
	}
	for _, flag := range []struct {
		name string
		to   *bool
	}{{"categorical", &f.Categorical}, {"textual", &f.Textual}, {"itemName", &f.ItemName}} {
		if v, there := raw[flag.name]; there && json.Unmarshal(v, flag.to) != nil {
			return f, invalid("Field %s: %s is %s: expected true or false.", f.Name, flag.name, show(v))
		}
	}
	return f, nil
}

// parseType reads a type or a union of one type and perhaps null.
func parseType(field string, raw json.RawMessage) (t Type, nullable bool, err error) {
	var names []string
	if name, ok := word(raw); ok {
		names = []string{name}
	} else if json.Unmarshal(raw, &names) != nil {
		return 0, false, badType(field, raw)
	}
	found := 0
	for _, name := range names {
		if name == "null" && !nullable {
			nullable = true
			continue
		}
		i := slices.Index(typeNames[:], name)
		if i < 0 {
			return 0, false, badType(field, raw)
		}
		t = Type(i)
		found++
	}
	if found != 1 {
		return 0, false, badType(field, raw)
	}
	return t, nullable, nil
}

func badType(field string, raw json.RawMessage) error {
	return invalid("Field %s: the type is %s: expected string, long, int, float, double or boolean, alone or in a union with null.", field, show(raw))
}

// checkNames refuses names that are equal but for underscores and case.
func (s *Schema) checkNames() error {
	seen := make(map[string]string, len(s.Fields))
	for _, f := range s.Fields {
		bare := strings.ToLower(strings.ReplaceAll(f.Name, "_", ""))
		if other, there := seen[bare]; there {
			return invalid("Fields %s and %s clash: names must differ in more than underscores and case.", other, f.Name)
		}
		seen[bare] = f.Name
	}
	return nil
}

// checkFlags checks where categorical, textual and itemName may stand.
func (s *Schema) checkFlags() error {
	texts, titled := "", ""
	for _, f := range s.Fields {
		if (f.Categorical || f.Textual || f.ItemName) && f.Type != String {
			return invalid("Field %s is %s: only string fields can be categorical, textual or itemName.", f.Name, f.Type)
		}
		if (f.Textual || f.ItemName) && s.Type != Items {
			return invalid("Field %s: textual and itemName are for Items schemas only.", f.Name)
		}
		if f.Textual && f.Categorical {
			return invalid("Field %s is both categorical and textual: expected one of them.", f.Name)
		}
		if f.Textual && texts != "" {
			return invalid("Fields %s and %s are textual: a schema has at most one textual field.", texts, f.Name)
		}
		if f.ItemName && titled != "" {
			return invalid("Fields %s and %s are itemName: a schema has at most one.", titled, f.Name)
		}
		if f.Textual {
			texts = f.Name
		}
		if f.ItemName {
			titled = f.Name
		}
	}
	return nil
}
