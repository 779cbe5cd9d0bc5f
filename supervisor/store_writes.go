package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"missioncontrol/charter"
	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/api"
	"missioncontrol/wakeup"
)

// storeWrites knows whether the store can be written. A step that fails makes it try a
// write of its own, and go on trying until one succeeds. While steps succeed, it costs
// one comparison per step.
type storeWrites struct {
	check   func(context.Context) error // writes something that changes nothing
	every   time.Duration               // between two tries while they fail
	webhook *alerts.Webhook             // nil for none
	log     *slog.Logger
	failed  wakeup.Signal
	refused atomic.Pointer[refusal] // nil while the store can be written
	full    atomic.Pointer[refusedFor]
	fullFor time.Duration // how long the store counts as full after it had no room for a step
}

// refusedFor is the latest step for which the store had no room. Smaller steps may succeed
// meanwhile, such as the one that checks.
type refusedFor struct {
	at  time.Time
	err error
}

// refusal is a time in which the store cannot be written.
type refusal struct {
	since   time.Time
	message string // to clients: why
}

const (
	writeCheckInterval = time.Second
	writeCheckTimeout  = 5 * time.Second
	fullChecks         = 30 // so many checks long the store counts as full
)

func newStoreWrites(cfg *Config) *storeWrites {
	every := min(writeCheckInterval, cfg.lookAgain)
	return &storeWrites{
		check: cfg.Store.CheckWrite, every: every, fullFor: fullChecks * every, webhook: cfg.Webhook,
		log: cfg.Logger, failed: wakeup.New(),
	}
}

// wrote records how a step that writes ended.
func (w *storeWrites) wrote(err error) {
	if err == nil || !errors.Is(err, missions.ErrUnavailable) {
		return
	}
	if errors.Is(err, missions.ErrFull) {
		w.full.Store(&refusedFor{time.Now(), err})
	}
	w.failed.Send()
}

// problem returns why the store cannot be written, and "" while it can.
func (w *storeWrites) problem() string {
	if r := w.refused.Load(); r != nil {
		return r.message
	}
	return ""
}

// run tries to write whenever a step has failed, until ctx ends.
func (w *storeWrites) run(ctx context.Context) {
	for {
		select {
		case <-w.failed:
			w.follow(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// follow tries to write until that succeeds. The first failure and the end are logged,
// and sent to the webhook.
func (w *storeWrites) follow(ctx context.Context) {
	var outage *outageNotice
	for {
		err := w.try(ctx)
		if ctx.Err() != nil {
			return
		}
		last := w.refused.Load()
		switch {
		case err == nil && last == nil:
			return
		case err == nil:
			w.refused.Store(nil)
			w.log.Info("the store can be written again", "after", time.Since(last.since).Round(time.Millisecond))
			outage.resolved(ctx, w)
			return
		case last == nil:
			last = &refusal{since: time.Now()}
			w.log.Error("the store cannot be written: nothing is accepted, claimed or finished until it can", "error", err)
			outage = newOutageNotice(w.webhook, last.since)
		}
		w.refused.Store(&refusal{since: last.since, message: api.FromError(err).Message})
		outage.raised(ctx, w)
		timer := time.NewTimer(w.every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (w *storeWrites) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeCheckTimeout)
	defer cancel()
	if err := w.check(ctx); err != nil {
		return err
	}
	if full := w.full.Load(); full != nil && time.Since(full.at) < w.fullFor {
		return full.err
	}
	return nil
}

// The alert that the store cannot keep, because it cannot be written.
const (
	ruleStoreWrites   = "store-cannot-be-written"
	metricStoreWrites = "store.unwritable"
)

// outageNotice is what the webhook is sent about one outage, directly: the store, which
// keeps the notices of other alerts, cannot be written. Every supervisor sends its own.
type outageNotice struct {
	since  time.Time
	event  charter.Event // alert_raised
	sent   bool
	failed bool // whether it was logged that the receiver did not accept it
}

// newOutageNotice returns nil without a webhook. A nil notice sends nothing.
func newOutageNotice(webhook *alerts.Webhook, since time.Time) *outageNotice {
	if webhook == nil {
		return nil
	}
	return &outageNotice{since: since, event: charter.New(charter.AlertRaised{
		Rule: ruleStoreWrites, Metric: metricStoreWrites, Value: 1, Threshold: 1, Since: since, RaisedAt: since,
	}, since)}
}

// raised sends the beginning, unless the receiver has accepted it already.
func (n *outageNotice) raised(ctx context.Context, w *storeWrites) {
	if n != nil && !n.sent {
		n.sent = n.send(ctx, w, &n.event)
	}
}

// resolved sends the end, if the receiver knows of the beginning.
func (n *outageNotice) resolved(ctx context.Context, w *storeWrites) {
	if n == nil || !n.sent {
		return
	}
	now := time.Now()
	end := charter.New(charter.AlertResolved{
		Rule: ruleStoreWrites, Metric: metricStoreWrites, Value: 0, Threshold: 1, Since: n.since, ResolvedAt: now,
	}, now)
	n.send(ctx, w, &end)
}

// send makes one attempt, and reports whether the receiver accepted the event. Of several
// failures it logs the first.
func (n *outageNotice) send(ctx context.Context, w *storeWrites, event *charter.Event) bool {
	body, err := charter.Encode(event)
	if err == nil {
		err = w.webhook.Send(ctx, event.ID.String(), time.Now(), body)
	}
	if err != nil && ctx.Err() == nil && !n.failed {
		n.failed = true
		w.log.Warn("the alert webhook did not accept the alert about the store; trying again while the store cannot be written", "error", err)
	}
	return err == nil
}
