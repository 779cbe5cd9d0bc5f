package natsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/wakeup"
)

// Peers are [supervisor.Peers] that use core NATS, on subjects below supervisor.peers.STORE,
// where STORE is the identity of the store they share:
//
//	ready.TYPE  due  dismissed.AGENT  grown  resigned     all supervisors subscribe
//	ended.MISSION                                         supervisors that wait for it
//
// One goroutine does everything that may wait for the connection, so that callers never
// do: Send and Watch leave a note for it. It sends the first hint at once, and collects
// hints that follow soon after into one round. While the connection is down, hints are
// dropped: they would only be late.
//
// The same goroutine reads incoming hints from a channel that all subscriptions share.
// When the channel is full, the client library drops hints and notifies the
// connection's error handler. No endpoint's subject covers these subjects, so this
// never counts as an error of an endpoint.
type Peers struct {
	nc   *nats.Conn
	root string // of all subjects, with its dot
	from string // distinguishes our own hints
	log  *slog.Logger
	wake wakeup.Signal
	in   chan *nats.Msg

	mu      sync.Mutex
	hints   map[string]supervisor.Hint // to send, by subject
	watched map[string]int             // number of watches, by subject
	touched map[string]struct{}

	subs map[string]*nats.Subscription // to ended.MISSION; owned by Run
}

const (
	hintPause   = 2 * time.Millisecond // between two rounds of hints
	hintsAtOnce = 1 << 14              // hints waiting to be sent; more are dropped
	hintsUnread = 1 << 14              // received hints waiting to be read

	maxHintCount = math.MaxInt32 // of missions that a hint is about
)

// hintWire is the body of a hint. Its subject carries the rest.
type hintWire struct {
	From  string        `json:"from"`
	Count int           `json:"count,omitzero"`
	At    missions.Time `json:"at,omitzero"`
}

// NewPeers returns the peers of a supervisor on the store with this identity, over
// a connection that may also be used for other things. It returns an error if the
// identity cannot be part of a subject.
func NewPeers(nc *nats.Conn, store string, log *slog.Logger) (*Peers, error) {
	if err := missions.CheckToken("store identity", store); err != nil {
		return nil, fmt.Errorf("cannot announce this supervisor to its peers: %w", err)
	}
	return &Peers{
		nc: nc, root: api.PeersSubject(store) + ".", from: uuid.NewString(), log: log,
		wake: wakeup.New(), in: make(chan *nats.Msg, hintsUnread),
		hints: map[string]supervisor.Hint{}, watched: map[string]int{}, touched: map[string]struct{}{},
		subs: map[string]*nats.Subscription{},
	}, nil
}

// Send implements [supervisor.Peers].
func (p *Peers) Send(h supervisor.Hint) {
	subject := p.subject(h.Kind, h.Of)
	p.mu.Lock()
	earlier, waits := p.hints[subject]
	if waits {
		h.Count, h.At = min(h.Count+earlier.Count, maxHintCount), min(h.At, earlier.At)
	}
	if waits || len(p.hints) < hintsAtOnce {
		p.hints[subject] = h
	}
	p.mu.Unlock()
	p.poke()
}

// Watch implements [supervisor.Peers].
func (p *Peers) Watch(missionID string) (done func()) {
	if missions.CheckToken("id", missionID) != nil {
		return func() {} // there is no such mission
	}
	subject := p.subject(supervisor.HintEnded, missionID)
	p.watch(subject, 1)
	return sync.OnceFunc(func() { p.watch(subject, -1) })
}

func (p *Peers) watch(subject string, more int) {
	p.mu.Lock()
	if p.watched[subject] += more; p.watched[subject] == 0 {
		delete(p.watched, subject)
	}
	p.touched[subject] = struct{}{}
	p.mu.Unlock()
	p.poke()
}

func (p *Peers) poke() {
	p.wake.Send()
}

func (p *Peers) subject(kind supervisor.HintKind, of string) string {
	if of == "" {
		return p.root + string(kind)
	}
	return p.root + string(kind) + "." + of
}

// Run implements [supervisor.Peers].
func (p *Peers) Run(ctx context.Context, onHint func(supervisor.Hint)) {
	defer p.unsubscribeAll()
	for _, kind := range []supervisor.HintKind{supervisor.HintReady, supervisor.HintDue, supervisor.HintDismissed, supervisor.HintOutboxGrew, supervisor.HintResigned} {
		of := ""
		if kind == supervisor.HintReady || kind == supervisor.HintDismissed {
			of = "*"
		}
		p.subscribe(p.subject(kind, of))
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	paused := true
	for {
		wake := p.wake
		if paused {
			wake = nil
		}
		select {
		case msg := <-p.in:
			p.heard(msg, onHint)
		case <-wake:
			p.round()
			paused = true
			pause.Reset(hintPause)
		case <-pause.C:
			paused = false
		case <-ctx.Done():
			p.round()
			return
		}
	}
}

// heard passes on a hint of another supervisor, whose values can be anything. Our own
// hints come back only to confirm that a watch is active.
func (p *Peers) heard(msg *nats.Msg, onHint func(supervisor.Hint)) {
	if notAClients(msg) != nil {
		return
	}
	var wire hintWire
	if err := json.Unmarshal(msg.Data, &wire); err != nil {
		p.log.Debug("not a hint", "subject", msg.Subject, "error", err)
		return
	}
	kind, of, _ := strings.Cut(strings.TrimPrefix(msg.Subject, p.root), ".")
	if wire.From == p.from && supervisor.HintKind(kind) != supervisor.HintEnded {
		return
	}
	if supervisor.HintKind(kind) == supervisor.HintDue && wire.At.IsZero() {
		return // no time: a timer that is set to it is not set
	}
	onHint(supervisor.Hint{Kind: supervisor.HintKind(kind), Of: of, Count: min(max(wire.Count, 0), maxHintCount), At: wire.At})
}

// round processes the notes left since the last round.
func (p *Peers) round() {
	p.mu.Lock()
	hints, touched := p.hints, p.touched
	p.hints, p.touched = map[string]supervisor.Hint{}, map[string]struct{}{}
	watched := make(map[string]bool, len(touched))
	for subject := range touched {
		watched[subject] = p.watched[subject] > 0
	}
	p.mu.Unlock()
	for subject, wanted := range watched {
		sub := p.subs[subject]
		switch {
		case wanted:
			// The broker handles the messages of one connection in order: once this
			// hint is back, the subscription is active.
			if sub == nil {
				p.subscribe(subject)
			}
			hints[subject] = supervisor.Hint{Kind: supervisor.HintEnded}
		case sub != nil:
			delete(p.subs, subject)
			p.unsubscribe(sub)
		}
	}
	if p.nc.IsConnected() {
		p.send(hints)
	}
}

func (p *Peers) send(hints map[string]supervisor.Hint) {
	for subject, h := range hints {
		body, err := json.Marshal(hintWire{From: p.from, Count: h.Count, At: h.At})
		if err == nil {
			err = p.nc.Publish(subject, body)
		}
		if err != nil {
			p.log.Debug("cannot notify other supervisors", "subject", subject, "error", err)
			return
		}
	}
}

func (p *Peers) subscribe(subject string) {
	sub, err := p.nc.ChanSubscribe(subject, p.in)
	if err != nil {
		p.log.Warn("cannot receive messages from other supervisors", "subject", subject, "error", err)
		return
	}
	p.subs[subject] = sub
}

func (p *Peers) unsubscribe(sub *nats.Subscription) {
	if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		p.log.Debug("cannot end a subscription", "subject", sub.Subject, "error", err)
	}
}

func (p *Peers) unsubscribeAll() {
	for _, sub := range p.subs {
		p.unsubscribe(sub)
	}
}
