package catalogtest_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/catalog/catalogtest"
)

// The twin is held to the same promises as a driver.
func TestTwin(t *testing.T) {
	catalogtest.Run(t, catalogtest.Driver{Open: func(testing.TB) catalog.Store { return &catalogtest.Twin{} }})
}
