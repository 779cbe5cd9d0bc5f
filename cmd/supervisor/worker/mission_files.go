package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// missionFiles are the files in which a program finds what its mission carries.
type missionFiles struct {
	task    *agent.Task
	dir     string
	remark  func(text string) // for what people should know
	written int               // the number of the last signal in the file
	signals *os.File
}

// newMissionFiles writes a mission's files into a directory of their own. If there is no room
// for them, that is this machine's fault.
func newMissionFiles(ctx context.Context, t *agent.Task, remark func(string)) (*missionFiles, error) {
	dir, err := os.MkdirTemp("", "mission-")
	if err == nil {
		dir, err = filepath.Abs(dir) // the program may run elsewhere
	}
	if err != nil {
		return nil, agent.Unable(fmt.Errorf("cannot create a directory for the mission's files; set TMPDIR to one that can be written: %w", err))
	}
	f := &missionFiles{task: t, dir: dir, remark: remark}
	if err := f.write(ctx); err != nil {
		f.remove()
		return nil, err
	}
	return f, nil
}

func (f *missionFiles) path(name string) string { return filepath.Join(f.dir, name) }

// environment returns the variables that name the files.
func (f *missionFiles) environment() []string {
	variables := []string{
		fmt.Sprintf("MISSION_TURN=%d", f.task.Turn()),
		"MISSION_CHECKPOINT=" + f.path("checkpoint.json"),
		"MISSION_INPUTS=" + f.path("inputs.json"),
		"MISSION_SIGNALS=" + f.path("signals.jsonl"),
	}
	if f.task.TimedOut() {
		variables = append(variables, timedOutVariable+"=1")
	}
	return variables
}

// timedOutVariable is present or not, so that a program must not inherit it.
const timedOutVariable = "MISSION_TIMED_OUT"

func (f *missionFiles) write(ctx context.Context) error {
	inputs, err := f.inputs(ctx)
	if err != nil {
		return err
	}
	if err := f.writeAll(inputs); err != nil {
		return agent.Unable(fmt.Errorf("cannot write the mission's files: %w", err))
	}
	return nil
}

func (f *missionFiles) writeAll(inputs []byte) error {
	if err := f.create("inputs.json", inputs); err != nil {
		return err
	}
	var checkpoint json.RawMessage
	restored, err := f.task.Restore(&checkpoint)
	if err == nil && restored {
		err = f.create("checkpoint.json", checkpoint)
	}
	if err != nil { // without its checkpoint, it would do again what it has done
		return err
	}
	if f.signals, err = os.OpenFile(f.path("signals.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	return f.writeCarried()
}

func (f *missionFiles) create(name string, content []byte) error {
	return os.WriteFile(f.path(name), append(content, '\n'), 0o600)
}

// inputs returns all inputs as JSON, also those for which the claim had no room.
func (f *missionFiles) inputs(ctx context.Context) ([]byte, error) {
	all := map[string]missions.Input{}
	if flow := f.task.Mission.Flow; flow != nil {
		for i := range flow.WaitedFor {
			wait := &flow.WaitedFor[i]
			if wait.Signal != "" || wait.Status == "" {
				continue
			}
			input, err := f.task.Input(ctx, wait.Source())
			switch {
			case err == nil:
				all[wait.Source()] = input
			case !errors.Is(err, api.ErrNotFound): // of what was deleted there is none
				return nil, fmt.Errorf("read an input: %w", err)
			}
		}
	}
	return json.Marshal(all)
}

// writeCarried writes the signals that the mission was claimed with, before the program
// starts. They do not count as seen until it has.
func (f *missionFiles) writeCarried() error {
	flow := f.task.Mission.Flow
	if flow == nil {
		return nil
	}
	elsewhere := func(s missions.Signal) bool { return s.Elsewhere }
	if slices.Contains(f.task.Mission.Trimmed, "signals") || slices.ContainsFunc(flow.Signals, elsewhere) {
		return nil // the task fetches them
	}
	for i := range flow.Signals {
		if err := f.append(&flow.Signals[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *missionFiles) append(s *missions.Signal) error {
	line, err := json.Marshal(s)
	if err == nil {
		_, err = f.signals.Write(append(line, '\n'))
	}
	f.written = s.Seq
	return err
}

// follow appends signals as they arrive, which counts as seen, until the returned function
// is called.
func (f *missionFiles) follow() (stop func()) {
	ended := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		signals := f.task.Signals()
		for {
			select {
			case s, open := <-signals:
				if !open {
					return
				}
				if s.Seq > f.written {
					if err := f.append(&s); err != nil {
						f.remark(fmt.Sprintf("signal %d could not be written for the program: %v", s.Seq, err))
					}
				}
			case <-ended:
				return
			}
		}
	})
	return func() { close(ended); following.Wait() }
}

// remove removes the files. What cannot be removed stays.
func (f *missionFiles) remove() {
	if f.signals != nil {
		_ = f.signals.Close()
	}
	_ = os.RemoveAll(f.dir)
}
