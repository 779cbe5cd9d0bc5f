package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// worker runs the command for missions, one after the other or several at once.
type worker struct {
	console  *ui.Console
	flags    *agentFlags
	command  []string
	stopNow  <-chan struct{} // closed by the second Ctrl-C
	quiet    *slog.LevelVar
	requests *client.Agent
	grace    time.Duration
	guard    *guard
	env      []string // of programs
	workdirs *workdirs
	mark     string       // the beginning of a variable that all programs have
	runs     atomic.Int64 // how many programs were run
	inherits bool         // what programs leave behind
}

// handle is the agent's handler.
func (w *worker) handle(ctx context.Context, t *agent.Task) (any, error) {
	m, begun := &t.Mission, time.Now()
	w.say(ui.Cyan, "▶", m, started(m))
	var full sync.Once
	result, parking, err := w.runInDir(ctx, t, &full)
	took := ui.FormatDuration(time.Since(begun))
	switch {
	case ctx.Err() != nil:
		w.say(ui.Yellow, "■", m, "stopped after "+took+": "+context.Cause(ctx).Error())
	case errors.Is(err, errStopNow):
		w.say(ui.Yellow, "■", m, "stopped after "+took+" and handed back")
		w.handBack(ctx, t)
	case agent.IsUnable(err):
		w.say(ui.Yellow, "■", m, "handed back: "+err.Error())
	case err != nil:
		w.say(ui.Red, "✘", m, "failed after "+took+": "+ui.Shorten(ui.Clean(ui.FirstLine(err.Error())), 300))
	case parking != nil:
		w.say(ui.Cyan, "‖", m, "after "+took+", "+parking.Error())
	default:
		w.say(ui.Green, "✔", m, "completed in "+took)
	}
	if err == nil && parking != nil {
		err = parking
	}
	return result, err
}

// started says which attempt of a mission begins.
func started(m *missions.Mission) string {
	text := fmt.Sprintf("started, attempt %d of %d", m.Attempt, m.MaxAttempts)
	if m.Turn > m.Attempt {
		text += fmt.Sprintf(", turn %d", m.Turn)
	}
	return text
}

// runInDir runs the program for a mission in the mission's directory, if there is --workdir.
func (w *worker) runInDir(ctx context.Context, t *agent.Task, full *sync.Once) (any, *agent.Parking, error) {
	dir, err := w.workdirs.enter(ctx, t.Mission.ID)
	if err != nil {
		return nil, nil, err
	}
	result, parking, err := w.run(ctx, t, dir.path(), full)
	dir.leave(parking == nil && ends(ctx, &t.Mission, err))
	return result, parking, err
}

// ends reports whether a mission ends for good when its program has ended with err.
func ends(ctx context.Context, m *missions.Mission, err error) bool {
	switch {
	case errors.Is(context.Cause(ctx), agent.ErrCancelled):
		return m.Flow == nil || m.Flow.OnExceeded != missions.ExceededAsk // else it may only wait for more budget
	case ctx.Err() != nil, errors.Is(err, errStopNow), agent.IsUnable(err):
		return false
	case err != nil:
		return agent.IsPermanent(err) || m.Attempt >= m.MaxAttempts
	}
	return true
}

// run runs the program for a mission, in a directory if one is given. It returns the result, and
// what the mission is to wait for, if the program has said so.
func (w *worker) run(ctx context.Context, t *agent.Task, dir string, full *sync.Once) (any, *agent.Parking, error) {
	m := &t.Mission
	remark := func(text string) { w.log(t, full, "warn", text) }
	files, err := newMissionFiles(ctx, t, remark)
	if err != nil {
		return nil, nil, err
	}
	defer files.remove()
	reports, err := newReportPipe(files.dir)
	if err != nil {
		return nil, nil, err
	}
	defer reports.close()
	var shown progressShown
	lines := &reportLines{ctx: ctx, task: t, remark: remark, stopNow: w.stopNow, progress: func(percent float64, message string) {
		shown.report(percent, message)
		_ = t.Progress(percent, message) // a full or unreachable store does not stop the program
	}}
	mark := w.mark + strconv.FormatInt(w.runs.Add(1), 10)
	p := &program{
		argv: w.command, dir: dir, stdin: m.Data, stopNow: w.stopNow, grace: w.grace, guard: w.guard, stall: m.Stall(),
		env: slices.Concat(w.env, []string{
			"MISSION_ID=" + m.ID, "MISSION_NAME=" + m.Name, "MISSION_TYPE=" + m.Type,
			fmt.Sprintf("MISSION_ATTEMPT=%d", m.Attempt), "AGENT_ID=" + w.flags.id, mark,
		}, files.environment(), reports.environment()),
		log:    func(line string) { w.log(t, full, "info", line) },
		remark: remark,
		shows: func(line string) {
			percent, message := shown.show(line)
			_ = t.Progress(percent, message) // likewise
		},
		reports: reports, lines: lines, began: files.follow,
		logOutput: w.flags.logStdout, directives: w.flags.directives,
	}
	if w.inherits {
		p.mark = mark
	}
	if trace := api.TraceOf(ctx); trace != "" {
		p.env = append(p.env, "TRACEPARENT="+trace)
	}
	printed, err := p.run(ctx)
	if err != nil {
		return nil, nil, lines.failure(err)
	}
	result, parking := lines.outcome(printed)
	return result, parking, nil
}

// log writes a line to the mission's log, and says once if that is full. A full or
// unreachable log does not stop the program and does not delay the second Ctrl-C.
func (w *worker) log(t *agent.Task, full *sync.Once, level, line string) {
	select {
	case <-w.stopNow:
	default:
		if errors.Is(t.Log(level, line, nil), api.ErrTooLarge) {
			full.Do(func() {
				w.say(ui.Yellow, "!", &t.Mission, "its log is full; what its program writes from here on is lost")
			})
		}
	}
}

// handBack releases a mission before the agent reports its handler's error. The
// supervisor then refuses that report, since the lease is gone; this is expected and not
// logged.
func (w *worker) handBack(ctx context.Context, t *agent.Task) {
	w.quiet.Set(slog.LevelError)
	ctx, cancel := context.WithTimeout(ctx, remote.ConnectTimeout)
	defer cancel()
	if err := w.requests.Release(ctx, api.LeaseRef{MissionID: t.Mission.ID, Lease: t.Mission.Lease}); err != nil {
		w.console.Err.Printf("Cannot hand back mission %s: %s\n", ui.Clean(t.Mission.ID), ui.Clean(remote.ErrorText(err)))
	}
}

// say prints a line about a mission.
func (w *worker) say(colour, marker string, m *missions.Mission, text string) {
	out := w.console.Err
	out.Printf("%s %s %s %s: %s\n", out.Clock(time.Now()), out.Paint(colour, marker), ui.Clean(m.ID), ui.Shorten(ui.Clean(m.Name), 48), ui.Clean(text))
}
