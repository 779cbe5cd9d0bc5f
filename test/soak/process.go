package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is the supervisor under load.
type process struct {
	cmd    *exec.Cmd
	broker string // URL
	logs   *lastBytes
	exited chan struct{}
}

var natsURL = regexp.MustCompile(`nats://[0-9.:]+`)

// start runs a supervisor in a directory and returns once it reports that it is
// ready.
func start(ctx context.Context, binary, dir string) (*process, error) {
	p := &process{logs: &lastBytes{}, exited: make(chan struct{})}
	p.cmd = exec.Command(binary, "serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--http", "off", "--retention", "1s")
	p.cmd.Env = append(os.Environ(), "NATS_URL=", "NATS_CONTEXT=")
	p.cmd.Stderr = p.logs
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	url := make(chan string, 1)
	go func() {
		defer close(p.exited)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if found := natsURL.FindString(lines.Text()); found != "" && len(url) == 0 {
				url <- found
			}
		}
		_ = p.cmd.Wait() // the log says how it ended
	}()
	select {
	case p.broker = <-url:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("the supervisor does not start:\n%s", p.logs.tail())
	case <-ctx.Done():
		p.kill()
		return nil, ctx.Err()
	case <-time.After(30 * time.Second):
		p.kill()
		return nil, errors.New("the supervisor does not start")
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// rss returns the process's resident memory, as reported by Linux.
func (p *process) rss() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 8 << 10
	l.buf.Write(p)
	if over := l.buf.Len() - most; over > 0 {
		l.buf.Next(over)
	}
	return len(p), nil
}

func (l *lastBytes) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
