package worker

import (
	"os/exec"
	"sync"
)

// children are the processes that this process has started and waits for, as opposed to
// those that it inherits.
var children = &startedProcesses{pids: map[int]struct{}{}}

type startedProcesses struct {
	mu   sync.Mutex
	pids map[int]struct{}
}

// start starts a command that wait will be called for.
func (s *startedProcesses) start(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	s.pids[cmd.Process.Pid] = struct{}{}
	return nil
}

// wait waits for a command.
func (s *startedProcesses) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pids, cmd.Process.Pid)
	return err
}

// others calls use for every process in a list that was not started here. None is started
// meanwhile.
func (s *startedProcesses) others(pids []int, use func(pid int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pid := range pids {
		if _, ours := s.pids[pid]; !ours {
			use(pid)
		}
	}
}
