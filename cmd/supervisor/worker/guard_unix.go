//go:build unix

package worker

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// guardScript keeps a list of process groups, and kills them when its standard input ends. Then
// it kills the processes with its argument in their environment, until there are none: Linux
// shows the environment, other systems do not.
const guardScript = `trap '' HUP INT TERM
groups=
while read -r change group; do
  case $change in
  +) groups="$groups $group" ;;
  -) left=
     for one in $groups; do [ "$one" = "$group" ] || left="$left $one"; done
     groups=$left ;;
  esac
done
exec 2>/dev/null
for one in $groups; do kill -s KILL -- "-$one"; done
[ -r /proc/self/environ ] || exit
for again in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  marked=$(grep -lsF -e "$1" /proc/[0-9]*/environ)
  [ -n "$marked" ] || exit
  for one in $marked; do one=${one#/proc/}; kill -s KILL "${one%/environ}"; done
done
`

// guard kills programs that run when this process is killed, and what they have started. It is a
// shell beside it that waits for the end of a pipe. The kernel can kill only the program
// itself with its parent, not what the program has started. The guard learns of a program's
// process group when that has started: elsewhere than on Linux, what the program does before it
// has any input may be missed.
//
// A nil guard does nothing.
type guard struct {
	shell *exec.Cmd

	mu   sync.Mutex
	pipe io.WriteCloser
}

// newGuard starts a guard of all programs with a mark in their environment. It fails where
// there is no shell.
func newGuard(mark string) (*guard, error) {
	shell := exec.Command("/bin/sh", "-c", guardScript, "sh", mark)
	shell.Env = []string{"PATH=/usr/bin:/bin"}
	shell.Dir = "/"
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close() //nolint:errcheck // the shell has its own
	shell.Stdin = read
	if err := children.start(shell); err != nil {
		_ = write.Close() // nothing reads it
		return nil, err
	}
	return &guard{shell: shell, pipe: write}, nil
}

func (g *guard) began(cmd *exec.Cmd) { g.send("+", cmd) }

func (g *guard) ended(cmd *exec.Cmd) { g.send("-", cmd) }

// send sends a change. It fails if the shell was killed. Then nothing is guarded.
func (g *guard) send(change string, cmd *exec.Cmd) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = fmt.Fprintln(g.pipe, change, cmd.Process.Pid)
}

// stop ends the guard.
func (g *guard) stop() {
	if g == nil {
		return
	}
	_ = g.pipe.Close()
	_ = children.wait(g.shell) // it may have been killed
}
