package client

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// missionLive shows a mission while a command waits for it: its log as it is written, and
// on a terminal its progress in a line that stays in place.
type missionLive struct {
	console  *ui.Console
	line     *ui.LiveLine
	log      *logPrinter
	notified missions.Progress // the progress printed last, without a terminal
	stop     func()            // stops the display and waits for it to end
}

// watchMission starts to show a mission on the standard error. The caller must call end
// after the mission has ended, and close in any case.
func watchMission(ctx context.Context, c *ui.Console, s *remote.Session, id string) *missionLive {
	line := &ui.LiveLine{Screen: c.Err}
	l := &missionLive{console: c, line: line, log: &logPrinter{session: s, out: c.Err.Over(line), id: id}}
	ctx, cancel := context.WithCancel(ctx)
	var showing sync.WaitGroup
	showing.Go(func() { l.run(ctx) })
	l.stop = func() {
		cancel()
		showing.Wait()
	}
	return l
}

func (l *missionLive) run(ctx context.Context) {
	ticker := time.NewTicker(l.console.Interval)
	defer ticker.Stop()
	for {
		l.look(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look shows what is new. A failed request is repeated the next time: the wait itself
// reports failures.
func (l *missionLive) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.console.RefreshTimeout)
	defer cancel()
	m, err := l.log.session.Client.Get(ctx, l.log.id)
	if err == nil {
		err = l.log.read(ctx)
	}
	switch {
	case err == nil:
		l.line.Show(l.state(&m))
		l.show(&m)
	case remote.Unsure(err) && !errors.Is(err, context.Canceled):
		l.line.Show(l.console.Err.Paint(ui.Yellow, "no answer from the supervisor; waiting for it"))
	}
}

// state formats a mission in one line.
func (l *missionLive) state(m *missions.Mission) ui.Painted {
	text := ui.Painted(ui.Clean(m.ID)) + "  " + l.console.Err.Paint(ui.StatusColour(m.Status), string(m.Status))
	if m.AgentID != "" && m.Status == missions.Running {
		text += ui.Painted(" on " + ui.Clean(string(m.AgentID)))
	}
	if waits := ui.WaitSummary(l.console.Err, m); waits != "" {
		text += ui.Painted("  " + ui.Clean(waits))
	}
	if m.Progress != nil && m.Status == missions.Running {
		text += ui.Painted("  " + ui.ProgressPercent(m.Progress.Percent) + "  " + ui.Gauge(m.Progress.Percent, 20) + "  " + ui.Clean(m.Progress.Message))
	}
	return text
}

// show prints progress on lines of its own if there is no terminal.
func (l *missionLive) show(m *missions.Mission) {
	if l.console.Err.Terminal || m.Progress == nil || *m.Progress == l.notified {
		return
	}
	l.notified = *m.Progress
	l.console.Err.Printf("%s  %s\n", l.console.Err.Moment(m.UpdatedAt.Time()), strings.TrimSpace(ui.PadRight(ui.ProgressPercent(m.Progress.Percent), 5)+" "+ui.Clean(m.Progress.Message)))
}

// end shows the rest of an ended mission's log.
func (l *missionLive) end(ctx context.Context) {
	l.stop()
	l.line.Hide()
	_ = l.log.read(ctx) // ignore the error: the outcome matters and is known
}

// close stops the display.
func (l *missionLive) close() {
	l.stop()
	l.line.Hide()
}
