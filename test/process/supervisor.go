// Package process builds the supervisor and runs it as a process on free ports, for tests
// from outside.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"missioncontrol/test/output"
)

// timeout limits the start and the stop of a process; only a failure uses it up.
const timeout = 30 * time.Second

// Build builds the supervisor into a directory and returns the program's path. The
// working directory must be in this module.
func Build(dir string) (program string, err error) {
	program = filepath.Join(dir, "supervisor")
	build := exec.Command("go", "build", "-o", program, "missioncontrol/cmd/supervisor")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the supervisor: %w\n%s", err, output)
	}
	return program, nil
}

// Supervisor is a running supervisor.
type Supervisor struct {
	Cmd    *exec.Cmd
	Broker string // URL of the broker that it uses
	HTTP   string // URL, "" if it serves no HTTP
	Logs   *output.Buffer
	Exited chan struct{} // closed once it has exited
}

// Start runs `supervisor serve` with these arguments, and returns when its banner is
// complete. It uses free ports, unless the arguments name others, and no broker or NATS
// context of the environment.
func Start(ctx context.Context, program string, args ...string) (*Supervisor, error) {
	s := &Supervisor{Logs: &output.Buffer{}, Exited: make(chan struct{})}
	s.Cmd = exec.Command(program, append([]string{"serve"}, args...)...)
	s.Cmd.Env = append(os.Environ(), "SUPERVISOR_LISTEN=127.0.0.1:0", "SUPERVISOR_HTTP=127.0.0.1:0", "NATS_URL=", "NATS_CONTEXT=")
	s.Cmd.Stderr = s.Logs
	stdout, err := s.Cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.Cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go s.read(stdout, ready)
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-ready:
		return s, nil
	case <-s.Exited:
		err = errors.New("the supervisor ended")
	case <-late.C:
		err = errors.New("the supervisor does not start")
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.Kill()
	return nil, fmt.Errorf("%w:\n%s", err, s.Logs)
}

var (
	natsURL = regexp.MustCompile(`(nats|tls)://[0-9.:]+`)
	httpURL = regexp.MustCompile(`https?://[0-9.:]+`)
)

// read takes the addresses from the banner, whose last line says how to stop.
func (s *Supervisor) read(stdout io.Reader, ready chan<- struct{}) {
	defer close(s.Exited)
	banner := true
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		line := lines.Text()
		_, _ = fmt.Fprintln(s.Logs, line)
		if !banner {
			continue
		}
		if url := natsURL.FindString(line); url != "" && s.Broker == "" {
			s.Broker = url
		}
		if url := httpURL.FindString(line); url != "" && s.HTTP == "" {
			s.HTTP = url
		}
		if strings.Contains(line, "Ctrl-C") {
			banner = false
			close(ready)
		}
	}
	_ = s.Cmd.Wait() // the exit code is in Cmd.ProcessState
}

// Kill is kill -9. It may be called again, and on a supervisor that has exited.
func (s *Supervisor) Kill() {
	_ = s.Cmd.Process.Kill()
	<-s.Exited
}

// Stop sends SIGTERM, and returns an error unless the supervisor then exits with 0.
func (s *Supervisor) Stop() error {
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-s.Exited:
	case <-late.C:
		return fmt.Errorf("the supervisor does not stop:\n%s", s.Logs)
	}
	if code := s.Cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("exit code %d:\n%s", code, s.Logs)
	}
	return nil
}
