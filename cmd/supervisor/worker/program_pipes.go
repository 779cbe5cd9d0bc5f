package worker

import (
	"io"
	"os"
	"os/exec"
	"time"
)

// pipes connect a program with this process.
type pipes struct {
	stdin          *os.File   // this process's end
	stdout, stderr *os.File   // this process's ends
	theirs         []*os.File // the program's ends
	ended          chan struct{}
}

// newPipes creates a command's pipes. They are files rather than writers, so that
// cmd.Wait waits only for the program, and not for processes it may have left behind.
func newPipes(cmd *exec.Cmd) (*pipes, error) {
	p := &pipes{ended: make(chan struct{}, 3)}
	var in, out, errs *os.File
	var err error
	if in, p.stdin, err = os.Pipe(); err == nil {
		if p.stdout, out, err = os.Pipe(); err == nil {
			p.stderr, errs, err = os.Pipe()
		}
	}
	for _, file := range []*os.File{in, out, errs} {
		if file != nil {
			p.theirs = append(p.theirs, file)
		}
	}
	if err != nil {
		p.close()
		return nil, notStarted(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errs
	return p, nil
}

// close closes everything. Errors do not matter here.
func (p *pipes) close() {
	for _, file := range append([]*os.File{p.stdin, p.stdout, p.stderr}, p.theirs...) {
		if file != nil {
			_ = file.Close()
		}
	}
}

// begin starts to copy data after the program has started.
func (p *pipes) begin(stdin []byte, stdout, stderr func(io.Reader)) {
	for _, file := range p.theirs {
		_ = file.Close() // the program has its own
	}
	p.theirs = nil
	p.carry(func() {
		_, _ = p.stdin.Write(stdin) // a program need not read its input
		_ = p.stdin.Close()
	})
	p.carry(func() { stdout(p.stdout) })
	p.carry(func() { stderr(p.stderr) })
}

func (p *pipes) carry(move func()) {
	go func() {
		move()
		p.ended <- struct{}{}
	}()
}

// end waits until all output is read. A process that has left the process group may hold
// a pipe open forever, so end waits no longer than timeout.
func (p *pipes) end(timeout time.Duration) {
	_ = p.stdin.Close() // ends a write that nothing reads; may already be closed
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for range 3 {
		select {
		case <-p.ended:
			continue
		case <-timer.C:
		}
		_, _ = p.stdout.Close(), p.stderr.Close()
		<-p.ended
		timer.Reset(0)
	}
	p.close()
}
