package supervisor

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"missioncontrol/charter"
	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/relay"
	"missioncontrol/wakeup"
)

// notifier sends alert notices to a webhook, in order, each at least once: a notice is
// deleted from the store when the receiver has accepted it. It runs in the leader,
// beside the rule checks, which never wait for it.
type notifier struct {
	store   missions.Alerts
	origin  string // of the notices: the identity of the outbox that holds their events
	webhook *alerts.Webhook
	log     *slog.Logger
	wake    wakeup.Signal
	backoff missions.RetryPolicy
}

const (
	noticesAtOnce = 20
	noticeAge     = 24 * time.Hour // older notices are not sent
)

func newNotifier(store missions.Alerts, origin string, webhook *alerts.Webhook, log *slog.Logger) *notifier {
	return &notifier{
		store: store, origin: origin, webhook: webhook, log: log, wake: wakeup.New(),
		backoff: missions.DefaultRetryPolicy(),
	}
}

// poke signals that there may be new notices.
func (n *notifier) poke() {
	n.wake.Send()
}

// run sends until ctx ends. If the receiver does not accept a notice, run sends it
// again later, and the notices behind it wait.
func (n *notifier) run(ctx context.Context) {
	if n.webhook == nil {
		return
	}
	defer n.webhook.Close()
	for attempt := 1; ctx.Err() == nil; {
		sent, err := n.send(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if attempt == 1 {
				n.log.Warn("cannot notify the alert webhook; trying again", "error", err)
			}
			n.wait(ctx, nil, n.backoff.Delay(attempt, rand.Float64()))
			attempt++
			continue
		case sent == 0:
			n.wait(ctx, n.wake, lookAgain) // a change may be stored even if its caller got an error
		}
		attempt = 1
	}
}

// wait returns after d, when a value arrives, or when ctx ends.
func (n *notifier) wait(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// send sends the waiting notices, and returns how many are finished.
func (n *notifier) send(ctx context.Context) (done int, err error) {
	notices, err := n.store.Notices(ctx, noticesAtOnce)
	if err != nil {
		return 0, err
	}
	events, err := relay.Envelopes(n.origin, notices)
	if err != nil {
		return 0, err
	}
	for i := range events {
		if err := n.publish(ctx, &events[i]); err != nil {
			return done, err
		}
		if err := n.store.Noticed(ctx, notices[i].Seq); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// publish sends one event, unless it is too old to matter.
func (n *notifier) publish(ctx context.Context, event *charter.Event) error {
	now := time.Now()
	body, err := charter.Encode(event)
	if err != nil {
		return err
	}
	err = n.webhook.Send(ctx, event.ID.String(), now, body)
	if err != nil && ctx.Err() == nil && now.Sub(event.Timestamp) > noticeAge {
		n.log.Error("cannot notify the alert webhook for a day; giving up", "event", event.ID, "error", err)
		return nil
	}
	return err
}
