package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
)

// samples are values for shapes with a pattern, which nobody can derive from it.
var samples = map[string]any{
	"Arn":                  "arn:aws:personalize:us-east-1:111122223333:solution/none",
	"ColumnName":           "COLUMN",
	"DatasetType":          "Interactions",
	"KmsKeyArn":            "arn:aws:kms:us-east-1:111122223333:key/0",
	"Name":                 "some-name",
	"NextToken":            "token",
	"RoleArn":              "arn:aws:iam::111122223333:role/Role",
	"S3Location":           "s3://bucket/key/",
	"SchedulingExpression": "rate(3 days)",
	"TagKey":               "key",
	"TagValue":             "value",
	"AvroSchema":           schemaOf("Interactions"),
	"FilterExpression":     `INCLUDE ItemID WHERE Items.GENRE IN ("a")`,
}

// sample returns a value of a shape with every member set, valid by the model alone.
func sample(s *api.Shape) any {
	if v, ok := samples[s.Name]; ok {
		return v
	}
	switch s.Kind {
	case api.Structure:
		out := map[string]any{}
		for _, m := range s.Members {
			out[m.Name] = sample(m.Shape)
		}
		return out
	case api.List:
		return []any{sample(s.Elem)}
	case api.Map:
		return map[string]any{sample(s.Key).(string): sample(s.Elem)}
	case api.Boolean:
		return true
	case api.String:
		if len(s.Enum) > 0 {
			return s.Enum[0]
		}
		return strings.Repeat("x", int(max(1, lower(s))))
	}
	return max(1, lower(s))
}

func lower(s *api.Shape) float64 {
	if s.Min == nil {
		return 0
	}
	return *s.Min
}

// The samples are what they are said to be: the model accepts each.
func TestSamples(t *testing.T) {
	var check func(s *api.Shape, path string)
	check = func(s *api.Shape, path string) {
		if v, ok := sample(s).(string); ok && (!s.Matches(v) || !s.Allows(v) || s.Max != nil && float64(len(v)) > *s.Max) {
			t.Errorf("%s: the sample %q breaks a rule of shape %s", path, v, s.Name)
		}
		for _, m := range s.Members {
			check(m.Shape, path+"."+m.Name)
		}
		if s.Elem != nil {
			check(s.Elem, path+".member")
		}
		if s.Key != nil {
			check(s.Key, path+".key")
		}
	}
	for i := range api.Operations {
		check(api.Operations[i].InputShape, api.Operations[i].Name)
	}
}

// schemaOf returns an Avro schema of a type with the fields that are needed and some more.
func schemaOf(kind string) string {
	fields := map[string]string{
		"Interactions":        `{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},{"name":"EVENT_TYPE","type":"string"},{"name":"EVENT_VALUE","type":["null","float"]},{"name":"TIMESTAMP","type":"long"}`,
		"Items":               `{"name":"ITEM_ID","type":"string"},{"name":"GENRE","type":["null","string"],"categorical":true},{"name":"PRICE","type":["null","float"]},{"name":"MARGIN","type":"float"}`,
		"Users":               `{"name":"USER_ID","type":"string"},{"name":"AGE","type":["null","int"]}`,
		"Actions":             `{"name":"ACTION_ID","type":"string"},{"name":"VALUE","type":["null","long"]}`,
		"Action_Interactions": `{"name":"USER_ID","type":"string"},{"name":"ACTION_ID","type":"string"},{"name":"EVENT_TYPE","type":"string"},{"name":"TIMESTAMP","type":"long"}`,
	}
	name := strings.ReplaceAll(kind, "Action_Interactions", "ActionInteractions")
	return fmt.Sprintf(`{"type":"record","name":%q,"namespace":"com.amazonaws.personalize.schema","fields":[%s],"version":"1.0"}`, name, fields[kind])
}
