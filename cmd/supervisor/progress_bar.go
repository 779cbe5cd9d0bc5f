package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// bar is a progress bar on a terminal. Without a terminal it does nothing.
type bar struct {
	screen  *screen
	writer  progress.Writer // nil without a terminal
	tracker *progress.Tracker
	done    sync.WaitGroup
}

// newBar starts a bar for total items, or 0 if the total is not known. The caller must
// stop it.
func (c *cli) newBar(what string, total int64, units progress.Units) *bar {
	b := &bar{screen: c.err}
	if !c.err.terminal {
		return b
	}
	b.writer = progress.NewWriter()
	b.writer.SetOutputWriter(c.err)
	b.writer.SetAutoStop(true) // once the tracker is done; a Stop before Render would be lost
	b.writer.SetUpdateFrequency(100 * time.Millisecond)
	b.writer.SetTrackerLength(30)
	b.writer.Style().Visibility.ETA = total > 0
	b.writer.Style().Visibility.Value = true
	if !c.err.colours {
		b.writer.Style().Colors = progress.StyleColors{}
	}
	b.tracker = &progress.Tracker{Message: what, Total: total, Units: units}
	b.writer.AppendTracker(b.tracker)
	b.done.Go(b.writer.Render)
	return b
}

// advance moves the bar by a number of items.
func (b *bar) advance(things int) {
	if b.tracker != nil {
		b.tracker.Increment(int64(things))
	}
}

// say prints a line above the bar. The text must be clean.
func (b *bar) say(format string, args ...any) {
	if b.writer == nil {
		b.screen.printf(format+"\n", args...)
		return
	}
	b.writer.Log("%s", fmt.Sprintf(format, args...))
}

// stop completes the bar and waits until it is drawn.
func (b *bar) stop() {
	if b.writer == nil {
		return
	}
	b.tracker.MarkAsDone()
	b.done.Wait()
}
