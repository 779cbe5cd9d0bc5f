package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/wakeup"
)

const (
	// workdirMark is a file that says that a directory has been made for --workdir. Without
	// it, an agent would remove what is not its own.
	workdirMark = ".missions"

	markText = "The directories beside this file are those in which agents run programs.\nThey are removed when their missions have ended.\n"

	removedPrefix = ".removed-" // of a directory that is being removed; no mission has such an ID
	sweepEvery    = time.Hour
)

// workdirs are the directories in which programs run, one per mission, under one directory that
// several agents may share.
type workdirs struct {
	root  *os.Root
	path  string // absolute
	keep  time.Duration
	warn  func(format string, args ...any)
	sweep wakeup.Signal

	done     chan struct{}
	sweeping sync.WaitGroup
}

// openWorkdirs makes a directory for --workdir, or takes one that was made by it or is empty,
// and starts to remove what is no longer needed there. The caller must call close.
func openWorkdirs(path string, keep time.Duration, warn func(format string, args ...any)) (*workdirs, error) {
	path, err := filepath.Abs(path)
	if err == nil {
		err = os.MkdirAll(path, fileperm.DirMode)
	}
	if err != nil {
		return nil, badWorkdir(path, err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, badWorkdir(path, err)
	}
	if err := markWorkdir(root); err != nil {
		_ = root.Close()
		return nil, badWorkdir(path, err)
	}
	d := &workdirs{root: root, path: path, keep: keep, warn: warn, sweep: wakeup.New(), done: make(chan struct{})}
	d.sweeping.Go(d.sweepUntilDone)
	return d, nil
}

func badWorkdir(path string, err error) error {
	return ui.Usagef("--workdir: %s cannot be used: %v", path, fileperm.Cause(err))
}

// markWorkdir marks a directory, unless that has been done. One that has something else in it is
// refused.
func markWorkdir(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close()
	switch {
	case err != nil:
		return err
	case slices.Contains(names, workdirMark):
		return nil
	case len(names) > 0:
		return errors.New("it is not empty, and was not made by --workdir; name a directory that does not exist")
	}
	return root.WriteFile(workdirMark, []byte(markText), fileperm.FileMode)
}

// close ends the removal of what is no longer needed.
func (d *workdirs) close() {
	if d == nil {
		return
	}
	close(d.done)
	d.sweeping.Wait()
	_ = d.root.Close()
}

// workdir is the directory of a mission whose program runs.
type workdir struct {
	all  *workdirs
	name string   // the mission's ID
	held *os.File // the directory, which is locked: nobody else runs a program in it
}

// enter makes the directory of a mission, or takes the one that an earlier turn has left. If
// another program still runs in it, because the mission's lease was lost, enter waits for its
// end, or for that of ctx. It fails if the machine cannot make the directory.
//
// Without --workdir, d and the result are nil.
func (d *workdirs) enter(ctx context.Context, mission string) (*workdir, error) {
	if d == nil {
		return nil, nil
	}
	if err := missions.CheckToken("mission id", mission); err != nil { // what the supervisor sends is one
		return nil, err
	}
	for {
		held, err := d.open(mission)
		if err == nil {
			err = lockDir(ctx, held)
		}
		if err != nil {
			if held != nil {
				_ = held.Close()
			}
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, agent.Unable(fmt.Errorf("cannot make the mission's working directory %s: %w", filepath.Join(d.path, mission), fileperm.Cause(err)))
		}
		if d.isStill(mission, held) {
			return &workdir{all: d, name: mission, held: held}, nil
		}
		unlockDir(held) // it was removed meanwhile
	}
}

// open opens a mission's directory, which it makes if there is none.
func (d *workdirs) open(mission string) (*os.File, error) {
	if err := d.root.Mkdir(mission, fileperm.DirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if info, err := d.root.Lstat(mission); err != nil || !info.IsDir() {
		return nil, errors.Join(err, fs.ErrExist)
	}
	return d.root.Open(mission)
}

// isStill reports whether a mission's directory is the one that is held.
func (d *workdirs) isStill(mission string, held *os.File) bool {
	is, err := d.root.Lstat(mission)
	if err != nil {
		return false
	}
	was, err := held.Stat()
	return err == nil && os.SameFile(is, was)
}

// path returns where the directory is, "" without --workdir.
func (w *workdir) path() string {
	if w == nil {
		return ""
	}
	return filepath.Join(w.all.path, w.name)
}

// leave gives the directory up. If the mission has ended, it is removed, in the background;
// otherwise, it counts as used until now.
func (w *workdir) leave(ended bool) {
	if w == nil {
		return
	}
	defer unlockDir(w.held)
	if ended {
		w.all.discard(w.name)
		return
	}
	now := time.Now()
	if err := w.all.root.Chtimes(w.name, now, now); err != nil {
		w.all.warn("Cannot keep the working directory of mission %s: %s\n", w.name, ui.Clean(fileperm.Cause(err).Error()))
	}
}

// discard takes a mission's directory, which is locked, away, and has it removed.
func (d *workdirs) discard(mission string) {
	if err := d.root.Rename(mission, removedPrefix+uuid.NewString()); err != nil {
		d.warn("Cannot remove the working directory of mission %s: %s\n", mission, ui.Clean(fileperm.Cause(err).Error()))
		return
	}
	d.sweep.Send()
}

// sweepUntilDone removes what is no longer needed, until close is called.
func (d *workdirs) sweepUntilDone() {
	hourly := time.NewTicker(sweepEvery)
	defer hourly.Stop()
	d.removeUnused()
	for {
		d.removeDiscarded()
		select {
		case <-d.sweep:
		case <-hourly.C:
			d.removeUnused()
		case <-d.done:
			d.removeDiscarded()
			return
		}
	}
}

// entries returns the names in the directory. There are none if it cannot be read.
func (d *workdirs) entries() []string {
	dir, err := d.root.Open(".")
	if err != nil {
		return nil
	}
	defer dir.Close()                //nolint:errcheck // it is only read
	names, _ := dir.Readdirnames(-1) // those until the error
	return names
}

// removeUnused discards directories that no program has used for long. Their missions have
// ended elsewhere, or wait.
func (d *workdirs) removeUnused() {
	for _, name := range d.entries() {
		if missions.CheckToken("mission id", name) == nil && d.isUnused(name) {
			d.discardUnlessHeld(name)
		}
	}
}

func (d *workdirs) isUnused(name string) bool {
	info, err := d.root.Lstat(name)
	return err == nil && info.IsDir() && time.Since(info.ModTime()) > d.keep
}

// discardUnlessHeld discards a directory in which no program runs.
func (d *workdirs) discardUnlessHeld(name string) {
	held, err := d.root.Open(name)
	if err != nil {
		return
	}
	if !tryLockDir(held) {
		_ = held.Close()
		return
	}
	defer unlockDir(held)
	if d.isUnused(name) && d.isStill(name, held) {
		d.discard(name)
	}
}

// removeDiscarded removes what was discarded, also by an agent that was killed.
func (d *workdirs) removeDiscarded() {
	for _, name := range d.entries() {
		if !strings.HasPrefix(name, removedPrefix) {
			continue
		}
		if err := d.removeTree(name); err != nil {
			d.warn("Cannot remove %s: %s\n", filepath.Join(d.path, name), ui.Clean(fileperm.Cause(err).Error()))
		}
	}
}

// removeTree removes a directory, also if there are directories in it that its owner cannot
// write to, as caches of modules have.
func (d *workdirs) removeTree(name string) error {
	if d.root.RemoveAll(name) == nil {
		return nil
	}
	tree := d.root.FS()
	_ = fs.WalkDir(tree, name, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = d.root.Chmod(path, fileperm.DirMode) // what cannot be changed shows below
		}
		return nil
	})
	return d.root.RemoveAll(name)
}
