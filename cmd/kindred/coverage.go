package main

import (
	"os"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/service"
	"github.com/kindredrec/kindred/internal/wire"
)

type coverageCmd struct{}

func (coverageCmd) Run() error {
	_, err := os.Stdout.Write(wire.Coverage(api.Bind(&service.Service{})))
	return err
}
