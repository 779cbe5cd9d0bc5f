package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// maxWaits is how many missions are waited for concurrently.
const maxWaits = 100

func missionsWaitCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wait ID...",
		Short: "Wait until missions end",
		Long: `Wait until missions end, and show each one when it does.

The exit code is 0 if all of them completed, and 1 if one failed, was cancelled, or did
not end in time. With --any, that is said of those that have ended when the first one has.`,
		Example: `  supervisor missions wait 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions wait build-41 build-42 --timeout 10m && echo built
  supervisor missions wait --any mirror-1 mirror-2 mirror-3`,
		Args:              someMissions,
		ValidArgsFunction: remote.MissionIDs(c, -1, missions.Pending, missions.Running),
	}
	timeout := cmd.Flags().String("timeout", "", "stop waiting after this `DURATION`; default: never")
	w := waiting{flag: "--timeout"}
	cmd.Flags().BoolVar(&w.any, "any", false, "wait until one of them has ended; with at most 100 missions")
	cmd.Flags().BoolVar(&w.json, "json", false, "print the missions as JSON, one per line")
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		if *timeout == "" {
			return nil
		}
		if w.atMost, err = ui.DurationWithin(*timeout, time.Millisecond, 365*ui.Day); err != nil {
			return ui.Usagef("--timeout: %v", err)
		}
		return nil
	}
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		w.ids = ids
		if w.any {
			return waitAny(ctx, c, s, w)
		}
		return waitAll(ctx, c, s, w)
	})
	return cmd
}

// waiting says which missions to wait for, and how.
type waiting struct {
	ids    []string
	json   bool
	atMost time.Duration // 0: forever
	flag   string        // that set the timeout
	any    bool          // until one has ended
	live   bool          // show the mission's progress; only with one mission
}

// errTimeout means that the caller's timeout has passed.
var errTimeout = errors.New("timed out")

// gaveUp returns the error for a wait that timed out.
func (w *waiting) gaveUp() error {
	what := "not all missions have ended"
	if w.any {
		what = "no mission has ended"
	}
	if len(w.ids) == 1 {
		what = "mission " + w.ids[0] + " has not ended"
	}
	return fmt.Errorf("%s within the %s of %s", what, w.flag, ui.DurationWords(w.atMost))
}

// bounded returns a context that ends when the user's timeout is over, if there is one.
func (w *waiting) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.atMost == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, w.atMost, errTimeout)
}

// waitAll waits for missions concurrently and prints each one when it has ended.
func waitAll(ctx context.Context, c *ui.Console, s *remote.Session, w waiting) error {
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	ended := func() {}
	if w.live {
		live := watchMission(ctx, c, s, w.ids[0])
		defer live.close()
		ended = func() { live.end(ctx) }
	}
	result := waitEach(ctx, c, s, w.ids, func(m *missions.Mission, raw jsontext.Value) error {
		ended()
		return printEnded(c, m, raw, w.json, len(w.ids) == 1)
	})
	if errors.Is(result, errTimeout) {
		return w.gaveUp()
	}
	return remote.BadRequest(result)
}

// waitAny waits until one of several missions has ended, and prints those that have. It also
// waits while a supervisor that answered before is briefly unavailable.
func waitAny(ctx context.Context, c *ui.Console, s *remote.Session, w waiting) error {
	if len(w.ids) > api.MaxWaitMany {
		return ui.Usagef("--any takes at most %d missions", api.MaxWaitMany)
	}
	ctx, cancel := w.bounded(ctx)
	defer cancel()
	for answered := false; ; {
		timeout := api.DefaultWait.Seconds() / 4 // below a request's own timeout
		reply, raw, err := remote.Ask(ctx, s, api.OpWaitMany, api.WaitManyRequest{IDs: w.ids, Until: api.UntilAny, TimeoutSeconds: &timeout})
		switch {
		case err == nil && reply.Done:
			return printAny(c, &reply, raw, w.json)
		case errors.Is(waitError(ctx, ctx.Err()), errTimeout):
			return w.gaveUp()
		case ctx.Err() != nil:
			return err
		case err == nil:
			answered = true
		case !answered || !remote.Unsure(err):
			return remote.BadRequest(err)
		default:
			pause(ctx, 500*time.Millisecond)
		}
	}
}

// printAny prints the missions of a reply that have ended. It returns ui.ErrSilent unless they completed.
func printAny(c *ui.Console, reply *api.Waited, raw jsontext.Value, asJSON bool) (result error) {
	if asJSON {
		c.Out.JSON(raw)
	}
	for i := range reply.Missions {
		m := &reply.Missions[i]
		if !m.Status.Terminal() {
			continue
		}
		if !asJSON {
			c.Out.Printf("%s\n", missionLine(c.Out, m))
		}
		if m.Status != missions.Completed {
			result = ui.ErrSilent
		}
	}
	for _, id := range reply.Deleted {
		if result = ui.ErrSilent; !asJSON {
			c.Out.Printf("%s  deleted\n", id)
		}
	}
	return result
}

// waitEach calls ended for each mission when it has ended, one call at a time.
func waitEach(ctx context.Context, c *ui.Console, s *remote.Session, ids []string, ended func(*missions.Mission, jsontext.Value) error) error {
	var (
		waits  sync.WaitGroup
		mu     sync.Mutex // guards output and result
		result error
		slots  = make(chan struct{}, maxWaits)
	)
	for _, id := range ids {
		slots <- struct{}{}
		waits.Go(func() {
			defer func() { <-slots }()
			m, raw, err := awaitEnd(ctx, s, id)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				err = ended(&m, raw)
			} else if len(ids) > 1 {
				err = ofMission(id, err)
			}
			switch {
			case err == nil:
			case result == nil || errors.Is(result, ui.ErrSilent):
				result = err
			case !errors.Is(err, ui.ErrSilent) && ctx.Err() == nil:
				c.Err.Printf("supervisor: %s\n", ui.Clean(remote.ErrorText(err)))
			}
		})
	}
	waits.Wait()
	return result
}

// printEnded prints an ended mission. It returns ui.ErrSilent unless the mission completed.
func printEnded(c *ui.Console, m *missions.Mission, raw jsontext.Value, asJSON, onlyOne bool) error {
	switch {
	case asJSON && onlyOne:
		c.Out.JSON(raw)
	case asJSON:
		c.Out.JSONLine(raw)
	case onlyOne:
		missionCard(c.Out, m, "")
	default:
		c.Out.Printf("%s\n", missionLine(c.Out, m))
	}
	if m.Status != missions.Completed {
		return ui.ErrSilent
	}
	return nil
}

// awaitEnd returns a mission after it has ended. It also waits while a supervisor that
// answered before is briefly unavailable.
func awaitEnd(ctx context.Context, s *remote.Session, id string) (missions.Mission, jsontext.Value, error) {
	if _, err := s.Client.Get(ctx, id); err != nil {
		return missions.Mission{}, nil, waitError(ctx, err)
	}
	for {
		timeout := api.DefaultWait.Seconds() / 4 // below a request's own timeout
		reply, raw, err := remote.Ask(ctx, s, api.OpWait, api.WaitRequest{ID: id, TimeoutSeconds: &timeout})
		switch {
		case err == nil:
			return reply.Mission, raw, nil
		case ctx.Err() != nil:
			return reply.Mission, nil, waitError(ctx, err)
		case errors.Is(err, api.ErrTimeout):
			continue
		case !remote.Unsure(err):
			return reply.Mission, nil, err
		}
		pause(ctx, 500*time.Millisecond)
	}
}

// waitError returns the timeout error if the caller's timeout is why a request was given
// up.
func waitError(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return errTimeout
	}
	return err
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
