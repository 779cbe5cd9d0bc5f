//go:build unix

package worker

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errHangup ends an agent because its terminal was closed.
var errHangup = errors.New("the terminal was closed")

// onHangup calls hangup when the terminal is closed, unless the process was started to
// outlive that (nohup). Neither the signal nor a message that can no longer be written
// ends the process, which would kill its programs. The returned function stops listening.
func onHangup(hangup func()) (stop func()) {
	hangups, pipes := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE) // ignored rather than set to be ignored, which programs would inherit
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(hangups, syscall.SIGHUP)
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-hangups:
			hangup()
		case <-done:
		}
	}()
	return func() {
		signal.Stop(hangups)
		signal.Stop(pipes)
		close(done)
		<-stopped
	}
}
