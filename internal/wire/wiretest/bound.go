package wiretest

import (
	"reflect"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
)

// Bound fails for every method of service that is named like an operation but does not have its
// signature. Such an operation would quietly answer that it is not implemented.
func Bound(t *testing.T, service any) {
	t.Helper()
	handlers, typ := api.Bind(service), reflect.TypeOf(service)
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		if _, ok := handlers[m.Name]; !ok && api.Find(m.Name) != nil {
			t.Errorf("%s.%s is %s, which is not the signature of the operation", typ, m.Name, m.Type)
		}
	}
}
