package worker

import (
	"os"
	"os/signal"
	"syscall"
)

// secondInterrupt returns a channel that is closed when the process is interrupted for
// the second time, and a function that stops listening.
func secondInterrupt() (<-chan struct{}, func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	second, done := make(chan struct{}), make(chan struct{})
	go func() {
		for range 2 {
			select {
			case <-signals:
			case <-done:
				return
			}
		}
		close(second)
	}()
	return second, func() {
		signal.Stop(signals)
		close(done)
	}
}
