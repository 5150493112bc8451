package wire

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/kindredrec/kindred/internal/api"
)

// authorize asks whether the caller may do op with in. It stands behind the decoding, since what the
// request is about is in the body, and before every handler: no operation is done without it.
func (h *handler) authorize(ctx context.Context, op *api.Operation, in any) error {
	if h.opts.Authorize == nil {
		return nil
	}
	return h.opts.Authorize(ctx, "personalize:"+op.Name, Resource(op, in))
}

// Resource returns the ARN of what a request is about, and "" where it names nothing: of the members that
// take a Personalize ARN the first that is given, the operation's own resource before its parents.
func Resource(op *api.Operation, in any) string {
	v := reflect.ValueOf(in).Elem()
	for _, i := range subjectFields(op, v.Type()) {
		if name := v.Field(i).String(); name != "" {
			return name
		}
	}
	return ""
}

// foundFields keeps what subjectFields found: *api.Operation → []int.
var foundFields sync.Map

// subjectFields returns which fields of an operation's input are its subjects, in their order.
func subjectFields(op *api.Operation, input reflect.Type) []int {
	if found, ok := foundFields.Load(op); ok {
		return found.([]int)
	}
	var fields []int
	for _, member := range subjects(op) {
		if f, ok := input.FieldByName(strings.ToUpper(member[:1]) + member[1:]); ok && f.Type.Kind() == reflect.String {
			fields = append(fields, f.Index[0])
		}
	}
	foundFields.Store(op, fields)
	return fields
}

// subjects are the members of op's input that name resources, the one that it is about first.
func subjects(op *api.Operation) []string {
	var list []string
	for _, m := range op.InputShape.Members {
		if m.Shape.Kind == api.String && strings.HasPrefix(m.Shape.Pattern, `arn:([a-z\d-]+):personalize:`) {
			list = append(list, m.Name)
		}
	}
	rank := func(member string) int {
		noun := strings.ToLower(strings.TrimSuffix(member, "Arn"))
		switch {
		case strings.HasSuffix(strings.ToLower(op.Name), noun), member == "resourceArn":
			return 0
		case member == "datasetGroupArn":
			return 1
		case op.InputShape.Member(member).Required:
			return 2
		case member == "filterArn":
			return 4 // something a request uses, not what it is about
		}
		return 3
	}
	slices.SortStableFunc(list, func(a, b string) int { return rank(a) - rank(b) })
	return list
}
