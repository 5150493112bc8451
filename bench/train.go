package main

import (
	"context"
	"fmt"
	"time"
)

// benchTrain trains on MovieLens-1M with every default, through the API.
func benchTrain(ctx context.Context, data string) error {
	csv, schema, err := movielens(data)
	if err != nil {
		return err
	}
	s, err := start(ctx, nil)
	if err != nil {
		return err
	}
	defer s.stop()
	group, imported, err := s.load(ctx, csv, schema)
	if err != nil {
		return err
	}
	_, trained, err := s.train(ctx, group, nil)
	if err != nil {
		return err
	}
	fmt.Printf("MovieLens-1M through the API: import %v; training aws-user-personalization %v, measuring included; bound 60s\n",
		imported.Round(10*time.Millisecond), trained.Round(10*time.Millisecond))
	return nil
}
