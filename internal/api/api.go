// Package api holds what the service models say: the shapes that travel, the rules their members
// must keep, the operations and the exceptions each may answer with.
//
// Almost all of it is generated from the models in the folder model. The shapes are Kindred's own
// nouns as well: what a caller sends and reads is what the catalog stores. In every structure an
// optional member that is absent is nil, or "" for a string; a list or map that is empty but not nil
// is present and empty. Nothing absent is ever sent as null.
package api

//go:generate go run ../../cmd/apigen -models ../../model -out .
