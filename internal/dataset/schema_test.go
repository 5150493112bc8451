package dataset

import (
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/kindredrec/kindred/internal/fault"
)

// record writes a schema text with the given fields, each as JSON.
func record(name string, fields ...string) string {
	return `{"type":"record","name":"` + name + `","namespace":"com.amazonaws.personalize.schema","fields":[` +
		strings.Join(fields, ",") + `],"version":"1.0"}`
}

// field writes one field; attrs is what follows the type, such as `,"categorical":true`.
func field(name, typ, attrs string) string {
	return `{"name":"` + name + `","type":` + typ + attrs + `}`
}

var (
	userID    = field("USER_ID", `"string"`, "")
	itemID    = field("ITEM_ID", `"string"`, "")
	timestamp = field("TIMESTAMP", `"long"`, "")
	genres    = field("GENRES", `["null","string"]`, `,"categorical":true`)
)

const (
	optionalText = `["null","string"]`
	yes          = `,"categorical":true`
)

func TestSchemasAsTheyAreWritten(t *testing.T) {
	for _, c := range []struct{ name, domain, text, want string }{
		{"smallest interactions", "", record("Interactions", userID, itemID, timestamp), ""},
		{"all reserved", "", record("interactions", timestamp, itemID, userID, field("EVENT_TYPE", `"string"`, ""),
			field("EVENT_VALUE", `["null","float"]`, ""), field("IMPRESSION", optionalText, ""), field("RECOMMENDATION_ID", `["string","null"]`, ""),
			field("EVENT_ATTRIBUTION_SOURCE", optionalText, "")), ""},
		{"no namespace", "", `{"type":"record","name":"Users","fields":[` + userID + `,{"name":"AGE","type":"int"}]}`, ""},
		{"union of one", Ecommerce, record("Items", itemID, field("PRICE", `["float"]`, ""), field("CATEGORY_L1", `["string"]`, yes)), ""},
		{"unknown attributes", "", record("Items", itemID, field("GENRES", `"string"`, `,"categorical":true,"doc":"x","order":3`)), ""},
		{"item name", "", record("Items", itemID, field("TITLE", `"string"`, `,"itemName":true`)), ""},
		{"video with the listing's names", VideoOnDemand, record("Items", itemID, field("GENRES_L1", `["string"]`, yes), field("CREATION_TIMESTAMP", `"long"`, "")), ""},
		{"actions", "", record("Actions", field("ACTION_ID", `"string"`, ""), field("VALUE", `["null","long"]`, "")), ""},
		{"action interactions", "", record("ActionInteractions", userID, field("ACTION_ID", `"string"`, ""), field("EVENT_TYPE", `"string"`, ""), timestamp), ""},

		{"not JSON", "", `{"type":`, "The schema is not a JSON object: expected an Avro record."},
		{"null", "", `null`, "The schema is not a JSON object: expected an Avro record."},
		{"not a record", "", `{"type":"enum","name":"Items"}`, `The schema's type is "enum": expected "record".`},
		{"other name", "", record("Films", itemID), `The schema's name is "Films": expected one of Interactions, Items, Users, Actions, ActionInteractions.`},
		{"other namespace", "", strings.Replace(record("Users", userID), "com.amazonaws", "org.example", 1), `The schema's namespace is "org.example.personalize.schema": expected "com.amazonaws.personalize.schema".`},
		{"no fields", "", record("Users"), "The schema has no fields: expected a list of objects with a name and a type."},
		{"missing fields", "", record("Interactions", userID), "The Interactions schema is missing the required fields [ITEM_ID, TIMESTAMP]."},
		{"wrong case is another name", "", record("Interactions", userID, field("item_id", `"string"`, ""), timestamp), "The Interactions schema is missing the required fields [ITEM_ID]."},
		{"nameless field", "", record("Users", `{"type":"string"}`), "Field 1 of the schema has no name."},
		{"bad name", "", record("Users", userID, field("9X", `"int"`, "")), `Field name "9X" is not allowed: expected letters, digits and underscores, no digit first, at most 150 characters.`},
		{"map", "", record("Users", userID, field("X", `{"type":"map","values":"int"}`, "")), `Field X: the type is {"type":"map","values":"int"}: expected string, long, int, float, double or boolean, alone or in a union with null.`},
		{"only null", "", record("Users", userID, field("X", `"null"`, "")), `Field X: the type is "null": expected string, long, int, float, double or boolean, alone or in a union with null.`},
		{"two types", "", record("Users", userID, field("X", `["int","string"]`, "")), `Field X: the type is ["int","string"]: expected string, long, int, float, double or boolean, alone or in a union with null.`},
		{"no type", "", record("Users", userID, `{"name":"X"}`), `Field X: the type is missing: expected string, long, int, float, double or boolean, alone or in a union with null.`},
		{"underscores do not tell apart", "", record("Items", itemID, field("GENRES_FIELD_1", `"int"`, ""), field("GenresField1", `"int"`, "")), "Fields GENRES_FIELD_1 and GenresField1 clash: names must differ in more than underscores and case."},
		{"id as number", "", record("Interactions", field("USER_ID", `"long"`, ""), itemID, timestamp), "Field USER_ID is long: the reserved field must be string."},
		{"time as string", "", record("Interactions", userID, itemID, field("TIMESTAMP", `"string"`, "")), "Field TIMESTAMP is string: the reserved field must be long."},
		{"null id", "", record("Users", field("USER_ID", optionalText, ""), field("A", `"int"`, "")), "Field USER_ID can be null: a required field must not."},
		{"categorical event type", "", record("Interactions", userID, itemID, timestamp, field("EVENT_TYPE", `"string"`, yes)), "Field EVENT_TYPE must be a plain string: neither categorical nor textual."},
		{"categorical number", "", record("Users", userID, field("A", `"int"`, yes)), "Field A is int: only string fields can be categorical, textual or itemName."},
		{"flag is no bool", "", record("Users", userID, field("A", `"string"`, `,"categorical":"yes"`)), `Field A: categorical is "yes": expected true or false.`},
		{"textual users", "", record("Users", userID, field("A", `"string"`, `,"textual":true`)), "Field A: textual and itemName are for Items schemas only."},
		{"two texts", "", record("Items", itemID, field("A", `"string"`, `,"textual":true`), field("B", `"string"`, `,"textual":true`)), "Fields A and B are textual: a schema has at most one textual field."},
		{"no metadata", "", record("Items", itemID), "The Items schema has no metadata field: expected at least one beside the id."},
		{"users need a describing field", "", record("Users", userID, field("A", `"string"`, "")), "The Users schema has no metadata field: expected at least one categorical string or number."},
		{"six columns", "", record("Interactions", userID, itemID, timestamp, field("A", `"int"`, ""), field("B", `"int"`, ""), field("C", `"int"`, ""),
			field("D", `"int"`, ""), field("E", `"int"`, ""), field("F", `"int"`, "")), "The Interactions schema has 6 metadata fields: expected at most 5."},
		{"shop without price", Ecommerce, record("Items", itemID, field("CATEGORY_L1", `"string"`, yes)), "The Items schema is missing the required fields [PRICE]."},
		{"shop with plain category", Ecommerce, record("Items", itemID, field("PRICE", `"float"`, ""), field("CATEGORY_L1", `"string"`, "")), `Field CATEGORY_L1 must be "categorical": true.`},
		{"domain needs event type", Ecommerce, record("Interactions", userID, itemID, timestamp), "The Interactions schema is missing the required fields [EVENT_TYPE]."},
		{"video without genres", VideoOnDemand, record("Items", itemID, field("CREATION_TIMESTAMP", `"long"`, "")), "The Items schema is missing a required field: expected GENRES or GENRES_L1."},
		{"video with genres that may be null", VideoOnDemand, record("Items", itemID, genres, field("CREATION_TIMESTAMP", `"long"`, "")), "Field GENRES can be null: a required field must not."},
		{"actions in a domain", VideoOnDemand, record("Actions", field("ACTION_ID", `"string"`, ""), genres), "The domain VIDEO_ON_DEMAND has no Actions dataset."},
		{"unknown domain", "SPORTS", record("Users", userID, field("A", `"int"`, "")), "The domain SPORTS has no Users dataset."},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSchema(c.text, c.domain)
			if got := sentence(err); got != c.want {
				t.Errorf("ParseSchema(%s, %q)\n got %q\nwant %q", c.text, c.domain, got, c.want)
			}
			if err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("ParseSchema(%s) is %v, want %v", c.text, fault.KindOf(err), fault.Invalid)
			}
		})
	}
}

func sentence(err error) string {
	if err == nil {
		return ""
	}
	return fault.Sentence(err)
}

func TestSchemaFields(t *testing.T) {
	s, err := ParseSchema(record("Items", itemID, genres, field("PRICE", `["null","float"]`, ""), field("SYNOPSIS", optionalText, `,"textual":true`)), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Field{
		{Name: "ITEM_ID"},
		{Name: "GENRES", Nullable: true, Categorical: true},
		{Name: "PRICE", Type: Float, Nullable: true},
		{Name: "SYNOPSIS", Nullable: true, Textual: true},
	} {
		if got, ok := s.Field(strings.ToLower(want.Name)); !ok || got != want {
			t.Errorf("Field(%s) = %+v, %v, want %+v", want.Name, got, ok, want)
		}
	}
	if got, ok := s.Field("NOPE"); ok {
		t.Errorf("Field(NOPE) = %+v, want none", got)
	}
}

// FuzzSchema: no text panics, every refusal has a sentence, and what we accept is Avro.
func FuzzSchema(f *testing.F) {
	f.Add(record("Interactions", userID, itemID, timestamp), "")
	f.Add(record("Items", itemID, genres, field("X", `"boolean"`, `,"textual":false`)), "")
	f.Add(record("Items", itemID, field("PRICE", `["float"]`, ""), field("CATEGORY_L1", `["string"]`, yes)), Ecommerce)
	f.Add(`{"type":"record","name":"Users","fields":[{}]}`, VideoOnDemand)
	f.Add(`[]`, "")
	f.Fuzz(func(t *testing.T, text, domain string) {
		s, err := ParseSchema(text, domain)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || fault.Sentence(err) == "" {
				t.Fatalf("ParseSchema(%q) = %v, want fault.Invalid with a sentence", text, err)
			}
			return
		}
		if s.Type == "" || len(s.Fields) == 0 {
			t.Fatalf("ParseSchema(%q) = %+v, want a type and fields", text, s)
		}
		// Avro gives a meaning to attributes that we ignore, and refuses some of their values.
		for _, skip := range []string{"default", "aliases", "logicalType", "order"} {
			if strings.Contains(text, skip) {
				return
			}
		}
		if _, err := goavro.NewCodec(text); err != nil {
			t.Fatalf("ParseSchema(%q) is accepted, and goavro says %v", text, err)
		}
	})
}
