package service

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
)

// Every quota can be set by its name, and the guide has that name.
func TestQuotaNames(t *testing.T) {
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range QuotaNames() {
		var q Quotas
		if err := q.Set(name, 7); err != nil {
			t.Errorf("Set(%s) = %v", name, err)
		}
		if got := reflect.ValueOf(q).Field(i).Int(); got != 7 {
			t.Errorf("Set(%s, 7) left %+v", name, q)
		}
		if !strings.Contains(string(guide), "`"+name+"`") {
			t.Errorf("docs/operations.md does not mention the quota `%s`", name)
		}
		if q := AWSQuotas(); reflect.ValueOf(q).Field(i).Int() == 0 {
			t.Errorf("AWSQuotas has no %s", name)
		}
	}
}

// A quota that is not there is refused with those that are.
func TestQuotaUnknown(t *testing.T) {
	var q Quotas
	for _, tt := range []struct {
		name  string
		value int
		want  string
	}{
		{"filter", 3, "the quotas are schemas, "},
		{"Filters", 3, "There is no quota"},
		{"filters", -1, "0 means no limit"},
	} {
		err := q.Set(tt.name, tt.value)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Set(%s, %d) = %v, want a fault with %q", tt.name, tt.value, err, tt.want)
		}
	}
	if q != (Quotas{}) {
		t.Errorf("refused settings left %+v", q)
	}
}

// Every quota that counts records is one of the quotas.
func TestCountedQuotas(t *testing.T) {
	for _, m := range []map[string]string{quotaOfAll, quotaInGroup, quotaOfRunning} {
		for kind, name := range m {
			if err := new(Quotas).Set(name, 1); err != nil {
				t.Errorf("records of kind %s are counted against %s: %v", kind, name, err)
			}
		}
	}
}
