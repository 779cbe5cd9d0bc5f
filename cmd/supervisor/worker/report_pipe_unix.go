//go:build unix

package worker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/google/uuid"
)

// reportFD is the descriptor with which a program reports: the first of os/exec's ExtraFiles.
const reportFD = 3

// reportPipe is a named pipe through which a program, and whatever it starts, reports: by
// descriptor, or by name, which any language can open.
type reportPipe struct {
	path   string
	ours   *os.File // open for reading and writing, so that there is never an end
	theirs *os.File // the program's; nil once it has it
	last   string   // the line that ends the reading
	done   sync.WaitGroup
}

// newReportPipe makes a pipe in a directory.
func newReportPipe(dir string) (*reportPipe, error) {
	p := &reportPipe{path: filepath.Join(dir, "report"), last: uuid.NewString()}
	if err := syscall.Mkfifo(p.path, 0o600); err != nil {
		return nil, notStarted(fmt.Errorf("make a named pipe: %w", err))
	}
	var err error
	if p.ours, err = os.OpenFile(p.path, os.O_RDWR, 0); err != nil {
		return nil, notStarted(err)
	}
	// Not with os.OpenFile, which would make it non-blocking, and the program's, too.
	fd, err := syscall.Open(p.path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		_ = p.ours.Close()
		return nil, notStarted(err)
	}
	p.theirs = os.NewFile(uintptr(fd), p.path)
	return p, nil
}

// environment returns the variables that name the pipe.
func (p *reportPipe) environment() []string {
	return []string{fmt.Sprintf("MISSION_FD=%d", reportFD), "MISSION_REPORT=" + p.path}
}

// attach gives the pipe to a command that is about to start.
func (p *reportPipe) attach(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{p.theirs} }

// begin reads what the command reports, once it has started.
func (p *reportPipe) begin(lines *reportLines) {
	p.dropTheirs()
	p.done.Go(func() { lines.read(p.ours, p.last) })
}

// end waits until everything that was written so far is read and done. A process that has
// left the program's process group may hold the pipe open for ever.
func (p *reportPipe) end() {
	_, _ = fmt.Fprintf(p.ours, "\n%s\n", p.last) // of a pipe that we read ourselves
	p.done.Wait()
}

func (p *reportPipe) dropTheirs() {
	if p.theirs != nil {
		_ = p.theirs.Close()
		p.theirs = nil
	}
}

// close closes the pipe after end, or if nothing has begun.
func (p *reportPipe) close() {
	p.dropTheirs()
	_ = p.ours.Close()
}
