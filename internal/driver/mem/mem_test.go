package mem_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/blob/blobtest"
	"github.com/kindredrec/kindred/internal/driver/mem"
)

func TestDriver(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Driver { return mem.New() })
}
