package supervisor

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

// presence is what a supervisor tells others of itself.
type presence struct {
	Store string `json:"store"` // the identity of its store
	Host  string `json:"host"`
	PID   int    `json:"pid"`
}

// ErrOtherStore says that a supervisor on the same broker keeps its missions
// elsewhere. Requests would reach now the one and now the other.
var ErrOtherStore = errors.New("another supervisor on this broker has another store")

// Announce lets other supervisors on the broker know which store this one has, until
// stop is called, and returns an [ErrOtherStore] if one of them has another. While
// the broker is away nobody can be asked.
func Announce(ctx context.Context, nc *nats.Conn, store func() string, log *slog.Logger) (stop func(), err error) {
	host, _ := os.Hostname() // "" will do
	sub, err := nc.Subscribe(api.SubjectPresence, func(msg *nats.Msg) {
		if notAClients(msg) != nil {
			return
		}
		body, err := json.Marshal(presence{Store: store(), Host: host, PID: os.Getpid()})
		if err == nil && msg.Reply != "" {
			err = nc.Publish(msg.Reply, body)
		}
		if err != nil {
			log.Warn("another supervisor could not be told of this one's store", "error", err)
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

// answerPatience is how long other supervisors have to say who they are.
const answerTimeout = 300 * time.Millisecond

func lookForOthers(ctx context.Context, nc *nats.Conn, store string) error {
	all, err := present(ctx, nc)
	for _, other := range all {
		if other.Store != store {
			return fmt.Errorf("%w: the one on %q with pid %d; give both the same --store, or each a broker of its own",
				ErrOtherStore, other.Host, other.PID)
		}
	}
	return err
}

// Stores returns the identities of the stores that the supervisors on a broker have,
// which is one unless none is there.
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
	maxAnswers  = 1000 // of supervisors that are looked at
	maxHostName = 253  // bytes
)

// present asks the supervisors on the broker who they are, and returns those that have
// answered in time. Who answers is known to the broker only: an answer may be anything.
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
