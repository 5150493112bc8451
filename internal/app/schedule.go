package app

import (
	"context"

	"github.com/kindredrec/kindred/internal/service"
)

// keepSchedule trains solutions by themselves when their time comes, until the function it returns is
// called, which waits for the end of it.
func (a *App) keepSchedule(svc *service.Service) (stop func()) {
	if a.cfg.NoAutoTraining {
		a.cfg.Log.Info("automatic training is off: solutions are trained on request only")
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		svc.KeepSchedule(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// Tick looks at once whether an automatic training is due. It is for tests that turn Config.Now; otherwise
// it happens by itself.
func (a *App) Tick(ctx context.Context) error {
	_, err := a.svc.Tick(ctx)
	return err
}
