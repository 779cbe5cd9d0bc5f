package natsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// presence is what a supervisor announces to other supervisors.
type presence struct {
	Store string `json:"store"` // the identity of its store
	Host  string `json:"host"`
	PID   int    `json:"pid"`
}

// ErrOtherStore means that a supervisor on the same broker uses another store. Requests
// would reach either of the two.
var ErrOtherStore = errors.New("another supervisor on this broker uses a different store")

// Announce answers other supervisors on the broker with the identity of this
// supervisor's store, until stop is called. It returns an [ErrOtherStore] if one of
// them uses another store. While the broker is away, Announce cannot check that.
func Announce(ctx context.Context, nc *nats.Conn, store func() string, log *slog.Logger) (stop func(), err error) {
	host, _ := os.Hostname() // "" is fine
	sub, err := nc.Subscribe(api.SubjectPresence, func(msg *nats.Msg) {
		if notAClients(msg) != nil {
			return
		}
		body, err := json.Marshal(presence{Store: store(), Host: host, PID: os.Getpid()})
		if err == nil && msg.Reply != "" {
			err = nc.Publish(msg.Reply, body)
		}
		if err != nil {
			log.Warn("cannot tell another supervisor about this one's store", "error", err)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listen for other supervisors: %w", err)
	}
	stop = func() { _ = sub.Unsubscribe() } // fails only on a closed connection
	if !nc.IsConnected() {
		return stop, nil
	}
	if err := lookForOthers(ctx, nc, store()); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// answerTimeout is how long other supervisors have to answer.
const answerTimeout = 300 * time.Millisecond

func lookForOthers(ctx context.Context, nc *nats.Conn, store string) error {
	all, err := present(ctx, nc)
	for _, other := range all {
		if other.Store != store {
			return fmt.Errorf("%w: the one on %q with pid %d; use the same --store for both, or a separate broker for each",
				ErrOtherStore, other.Host, other.PID)
		}
	}
	return err
}

// Stores returns the identities of the stores that the supervisors on a broker use.
// Normally there is one, or none if no supervisor runs.
func Stores(ctx context.Context, nc *nats.Conn) ([]string, error) {
	all, err := present(ctx, nc)
	var stores []string
	for _, p := range all {
		if !slices.Contains(stores, p.Store) {
			stores = append(stores, p.Store)
		}
	}
	return stores, err
}

const (
	maxAnswers  = 1000 // supervisors that are considered
	maxHostName = 253  // bytes
)

// present asks the supervisors on the broker to identify themselves, and returns those
// that answer in time. Only the broker knows who answers, so an answer can contain
// anything.
func present(ctx context.Context, nc *nats.Conn) (all []presence, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("look for other supervisors: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }() // fails only on a closed connection
	if err := nc.PublishRequest(api.SubjectPresence, inbox, nil); err != nil {
		return nil, fmt.Errorf("look for other supervisors: %w", err)
	}
	for {
		msg, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return all, nil // no more answers
		}
		var p presence
		if len(all) < maxAnswers && json.Unmarshal(msg.Data, &p) == nil && missions.CheckToken("store", p.Store) == nil {
			p.Host = p.Host[:min(len(p.Host), maxHostName)]
			all = append(all, p)
		}
	}
}
