package api

import "context"

// An Operation is one call of the three services, as the models describe it. The table Operations
// holds all of them.
type Operation struct {
	Name    string
	Service string // personalize, personalize-runtime or personalize-events
	Target  string // what X-Amz-Target says: AmazonPersonalize.ListRecipes; "" where the path decides
	Method  string // of the HTTP request
	Path    string
	Input   string // names of the shapes; Output is "" where the answer is empty
	Output  string

	Errors      []string       // the exceptions the model lets this operation answer with
	ErrorStatus map[string]int // the HTTP status of each of them

	Paginated bool   // takes maxResults and nextToken
	ResultKey string // the member of the answer that holds the page, "" unless Paginated

	InputShape *Shape
	NewInput   func() any // a new, empty input: a pointer to the struct named Input
}

// Models reports whether the operation may answer with an exception.
func (op *Operation) Models(exception string) bool {
	_, ok := op.ErrorStatus[exception]
	return ok
}

// A Handler is an operation together with the code behind it.
type Handler struct {
	Op   *Operation
	New  func() any                                             // Op.NewInput
	Call func(ctx context.Context, in any) (out any, err error) // out is nil if Op.Output is ""
}

// answers adds the handler of an operation that has an answer. A nil answer without an error counts
// as an empty one.
func answers[In, Out any](h map[string]Handler, op *Operation, f func(context.Context, *In) (*Out, error)) {
	h[op.Name] = Handler{
		Op:  op,
		New: op.NewInput,
		Call: func(ctx context.Context, in any) (any, error) {
			out, err := f(ctx, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		},
	}
}

// does adds the handler of an operation whose answer is empty.
func does[In any](h map[string]Handler, op *Operation, f func(context.Context, *In) error) {
	h[op.Name] = Handler{
		Op:   op,
		New:  op.NewInput,
		Call: func(ctx context.Context, in any) (any, error) { return nil, f(ctx, in.(*In)) },
	}
}

// Find returns the operation of that name, or nil.
func Find(name string) *Operation {
	for i := range Operations {
		if Operations[i].Name == name {
			return &Operations[i]
		}
	}
	return nil
}
