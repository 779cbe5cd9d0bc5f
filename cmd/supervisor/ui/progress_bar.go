package ui

import (
	"fmt"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// A ProgressBar is a progress bar on a terminal. Without a terminal it does nothing.
type ProgressBar struct {
	screen  *Screen
	writer  progress.Writer // nil without a terminal
	tracker *progress.Tracker
	done    sync.WaitGroup
}

// NewProgressBar starts a bar on a screen for total items, or 0 if the total is not known.
// The caller must stop it.
func NewProgressBar(out *Screen, what string, total int64, units progress.Units) *ProgressBar {
	b := &ProgressBar{screen: out}
	if !out.Terminal {
		return b
	}
	b.writer = progress.NewWriter()
	b.writer.SetOutputWriter(out)
	b.writer.SetAutoStop(true) // once the tracker is done; a Stop before Render would be lost
	b.writer.SetUpdateFrequency(100 * time.Millisecond)
	b.writer.SetTrackerLength(30)
	b.writer.Style().Visibility.ETA = total > 0
	b.writer.Style().Visibility.Value = true
	if !out.Colours {
		b.writer.Style().Colors = progress.StyleColors{}
	}
	b.tracker = &progress.Tracker{Message: what, Total: total, Units: units}
	b.writer.AppendTracker(b.tracker)
	b.done.Go(b.writer.Render)
	return b
}

// Advance moves the bar by a number of items.
func (b *ProgressBar) Advance(things int) {
	if b.tracker != nil {
		b.tracker.Increment(int64(things))
	}
}

// Say prints a line above the bar. The text must be clean.
func (b *ProgressBar) Say(format string, args ...any) {
	if b.writer == nil {
		b.screen.Printf(format+"\n", args...)
		return
	}
	b.writer.Log("%s", fmt.Sprintf(format, args...))
}

// Stop completes the bar and waits until it is drawn.
func (b *ProgressBar) Stop() {
	if b.writer == nil {
		return
	}
	b.tracker.MarkAsDone()
	b.done.Wait()
}
