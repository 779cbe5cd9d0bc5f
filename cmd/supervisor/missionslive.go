package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"missioncontrol/missions"
)

// missionLive shows how a mission goes while it is waited for: its log as it comes,
// and how far it is, on a terminal in a line that stays in place.
type missionLive struct {
	cli      *cli
	line     *liveLine
	log      *logPrinter
	notified missions.Progress // the progress that was told last, where there is no terminal
	stop     func()            // ends the showing and waits for that
}

// watchMission begins to show how a mission goes, on the standard error. Its owner
// calls end once the mission has ended, and close in any case.
func (c *cli) watchMission(ctx context.Context, s *session, id string) *missionLive {
	line := &liveLine{screen: c.err}
	l := &missionLive{cli: c, line: line, log: &logPrinter{session: s, out: c.err.over(line), id: id}}
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
	ticker := time.NewTicker(l.cli.tick)
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

// look shows what is new. What cannot be asked now is asked the next time: whether
// the waiting has failed is for the waiting to say.
func (l *missionLive) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, l.cli.refresh)
	defer cancel()
	m, err := l.log.session.client.Get(ctx, l.log.id)
	if err == nil {
		err = l.log.read(ctx)
	}
	switch {
	case err == nil:
		l.line.show(l.state(&m))
		l.show(&m)
	case unsure(err) && !errors.Is(err, context.Canceled):
		l.line.show(l.cli.err.paint(yellow, "no answer from the supervisor; waiting for it"))
	}
}

// state is a mission in a line.
func (l *missionLive) state(m *missions.Mission) painted {
	text := painted(clean(m.ID)) + "  " + l.cli.err.paint(statusColour(m.Status), string(m.Status))
	if m.AgentID != "" && m.Status == missions.Running {
		text += painted(" on " + clean(string(m.AgentID)))
	}
	if m.Progress != nil && m.Status == missions.Running {
		text += painted("  " + progressPercent(m.Progress.Percent) + "  " + gauge(m.Progress.Percent, 20) + "  " + clean(m.Progress.Message))
	}
	return text
}

// tell writes progress on lines of its own where there is no terminal.
func (l *missionLive) show(m *missions.Mission) {
	if l.cli.err.terminal || m.Progress == nil || *m.Progress == l.notified {
		return
	}
	l.notified = *m.Progress
	l.cli.err.printf("%s  %s\n", l.cli.err.moment(m.UpdatedAt.Time()), strings.TrimSpace(padRight(progressPercent(m.Progress.Percent), 5)+" "+clean(m.Progress.Message)))
}

// end shows the rest of an ended mission's log.
func (l *missionLive) end(ctx context.Context) {
	l.stop()
	l.line.hide()
	_ = l.log.read(ctx) // what matters is the outcome, which is known
}

// close stops the showing.
func (l *missionLive) close() {
	l.stop()
	l.line.hide()
}
