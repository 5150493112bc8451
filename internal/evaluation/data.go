package evaluation

import (
	"context"
	"fmt"
	"strings"

	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A census tells what is known of a user by id.
type census func(id string) recipe.Attributes

// load imports the files as a dataset group would and returns what a recipe may learn from, and what is known of users
// whether they have interactions or not: nil without a file of users. Both are valid until done.
func (c Config) load(ctx context.Context, o Order) (data *recipe.Data, known census, done func() error, err error) {
	snap, err := c.snapshot(ctx, o)
	if err != nil {
		return nil, nil, nil, err
	}
	if data, _, err = snap.Data(dataset.Selection{}); err != nil {
		snap.Close()
		return nil, nil, nil, err
	}
	if o.Users != "" {
		v := snap.View(data.Items, dataset.Selection{})
		known = func(id string) recipe.Attributes { return v.FilterUser(id) }
	}
	return data, known, snap.Close, nil
}

// snapshot imports the files.
func (c Config) snapshot(ctx context.Context, o Order) (*dataset.Snapshot, error) {
	var parts dataset.Parts
	var err error
	if parts.Interactions, err = c.part(ctx, dataset.Interactions, o.Interactions, o.Schema); err != nil {
		return nil, err
	}
	if o.Items != "" {
		if parts.Items, err = c.part(ctx, dataset.Items, o.Items, o.ItemsSchema); err != nil {
			return nil, err
		}
	}
	if o.Users != "" {
		if parts.Users, err = c.part(ctx, dataset.Users, o.Users, o.UsersSchema); err != nil {
			return nil, err
		}
	}
	snapshots := &dataset.Snapshots{Own: c.Own, Cache: c.Scratch}
	snap, err := snapshots.Open(ctx, parts)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	return snap, nil
}

// part imports one file.
func (c Config) part(ctx context.Context, kind, path, text string) (dataset.Part, error) {
	schema, err := schemaFor(kind, path, text)
	if err != nil {
		return dataset.Part{}, err
	}
	f := file{path: path}
	im := &dataset.Importer{Buckets: f, Own: c.Own, Scratch: c.Scratch}
	seg, err := im.Import(ctx, dataset.Order{Name: path, Location: f.location(), Schema: schema, Key: "segments/" + strings.ToLower(kind)})
	if err != nil {
		return dataset.Part{}, err
	}
	c.Log.Info("read", "file", path, "rows", seg.Rows)
	return dataset.Part{Schema: schema, Segments: []dataset.Segment{seg}}, nil
}

// schemaFor reads the text of a schema, or makes one of the columns in the file's header that it knows.
func schemaFor(kind, path, text string) (*dataset.Schema, error) {
	if text == "" {
		return inferSchema(kind, path)
	}
	s, err := dataset.ParseSchema(text, "")
	if err != nil {
		return nil, err
	}
	if s.Type != kind {
		return nil, fault.Newf(fault.Invalid, "The schema for %s is of type %s; expected %s.", path, s.Type, kind)
	}
	return s, nil
}

// Columns that have to be there, and those that are taken if they are.
var (
	required = map[string][]dataset.Field{
		dataset.Interactions: {{Name: "USER_ID"}, {Name: "ITEM_ID"}, {Name: "TIMESTAMP", Type: dataset.Long}},
		dataset.Items:        {{Name: "ITEM_ID"}},
		dataset.Users:        {{Name: "USER_ID"}},
	}
	known = map[string][]dataset.Field{
		dataset.Interactions: {{Name: "EVENT_TYPE", Nullable: true}, {Name: "EVENT_VALUE", Type: dataset.Float, Nullable: true}},
		dataset.Items: {
			{Name: "CREATION_TIMESTAMP", Type: dataset.Long, Nullable: true},
			number("PRICE"), number("DURATION"), number("AVERAGE_RATING"), number("YEAR"),
			category("GENRE"), category("GENRES"), category("GENRE_L2"), category("GENRE_L3"),
			category("CATEGORY"), category("CATEGORY_L1"), category("CATEGORY_L2"), category("CATEGORY_L3"),
			category("BRAND"), category("LANGUAGE"), category("AGE_GROUP"), category("GENDER"),
			{Name: "PRODUCT_DESCRIPTION", Nullable: true, Textual: true},
		},
		dataset.Users: {
			number("AGE"), category("AGE_GROUP"), category("GENDER"), category("OCCUPATION"), category("COUNTRY"), category("LANGUAGE"),
			category("MEMBERSHIP_STATUS"), category("SUBSCRIPTION_MODEL"),
		},
	}
)

func number(name string) dataset.Field {
	return dataset.Field{Name: name, Type: dataset.Double, Nullable: true}
}

func category(name string) dataset.Field {
	return dataset.Field{Name: name, Nullable: true, Categorical: true}
}

// inferSchema takes the known columns of a file in any letter case. That a required one is missing is for the
// import to say.
func inferSchema(kind, path string) (*dataset.Schema, error) {
	header := map[string]bool{}
	err := readTable(path, func(rec [][]byte, _ int) (bool, error) {
		for _, name := range rec {
			header[strings.ToUpper(string(name))] = true
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	s := &dataset.Schema{Type: kind, Fields: append([]dataset.Field(nil), required[kind]...)}
	for _, f := range known[kind] {
		if header[f.Name] {
			s.Fields = append(s.Fields, f)
		}
	}
	return s, nil
}
