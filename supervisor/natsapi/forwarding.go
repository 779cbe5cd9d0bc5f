package natsapi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions/leader"
	"missioncontrol/supervisor/api"
)

// Forwarding carries messages between supervisors that share a store, on the subjects
// supervisor.peers.forward.SUPERVISOR. A message that is larger than the broker's
// max_payload goes in parts.
type Forwarding struct {
	nc     *nats.Conn
	root   string // of the subjects, with its dot
	inbox  string // of the answers, with its dot
	log    *slog.Logger
	subs   []*nats.Subscription
	work   sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	closed   bool
	pending  map[string]*assembly // answers that are awaited, by the id of the message
	arriving map[string]*assembly // messages that have not arrived whole
	bytes    int                  // in arriving
}

const (
	partHead     = 16 + 4 + 4       // the message's id, the number of the part, how many there are
	partOverhead = 1 << 10          // of a part, for the broker
	maxMessage   = 1 << 30          // bytes of a message
	maxParts     = 1 << 14          // of a message
	maxArriving  = 256 << 20        // bytes of messages that have not arrived whole
	arrivesIn    = 15 * time.Second // how long a message may take to arrive
)

// assembly is a message that arrives in parts.
type assembly struct {
	parts [][]byte
	left  int
	bytes int
	done  chan struct{}
	err   error
	timer *time.Timer
}

// add adds a part, and reports whether it was the last one.
func (a *assembly) add(number, of int, part []byte) (whole bool) {
	if a.parts == nil {
		a.parts, a.left, a.bytes = make([][]byte, of), of, of*partHead
	}
	if len(a.parts) != of || number >= of || a.parts[number] != nil {
		return false
	}
	a.parts[number] = part
	a.bytes += len(part)
	a.left--
	return a.left == 0
}

func (a *assembly) message() []byte { return slices.Concat(a.parts...) }

// Forward listens for messages to this supervisor, which answer answers, until Stop.
func Forward(nc *nats.Conn, self string, answer func(context.Context, []byte) ([]byte, error), log *slog.Logger) (*Forwarding, error) {
	f := &Forwarding{
		nc: nc, root: api.SubjectForward + ".", inbox: nc.NewInbox() + ".", log: log,
		pending: map[string]*assembly{}, arriving: map[string]*assembly{},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	requests, err := nc.Subscribe(f.root+subjectToken(self), func(msg *nats.Msg) { f.arrived(msg, answer) })
	if err != nil {
		return nil, fmt.Errorf("cannot be reached by other supervisors: %w", err)
	}
	answers, err := nc.Subscribe(f.inbox+"*", f.answered)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot ask other supervisors: %w", err), requests.Unsubscribe())
	}
	f.subs = []*nats.Subscription{requests, answers}
	return f, nil
}

// subjectToken is a supervisor's id as a part of a subject. Host names have dots.
func subjectToken(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, id)
}

// Stop answers no more messages, and waits for those that are being answered.
func (f *Forwarding) Stop() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	for _, sub := range f.subs {
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			f.log.Debug("cannot end a subscription", "subject", sub.Subject, "error", err)
		}
	}
	f.work.Wait()
	f.cancel()
}

// Send sends a message to another supervisor and returns its answer. The error is
// [leader.ErrNotDelivered] if it has certainly not arrived.
func (f *Forwarding) Send(ctx context.Context, supervisor string, message []byte) ([]byte, error) {
	if !f.nc.IsConnected() {
		return nil, fmt.Errorf("%w: the broker is away", leader.ErrNotDelivered)
	}
	id := uuid.New()
	awaited := &assembly{done: make(chan struct{})}
	f.mu.Lock()
	f.pending[id.String()] = awaited
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.pending, id.String())
	}()
	if err := f.publish(f.root+subjectToken(supervisor), f.inbox+id.String(), id, message); err != nil {
		return nil, fmt.Errorf("%w: %w", leader.ErrNotDelivered, err)
	}
	select {
	case <-awaited.done:
		return awaited.message(), awaited.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// publish publishes a message in as many parts as it takes.
func (f *Forwarding) publish(subject, reply string, id uuid.UUID, message []byte) error {
	room := int(f.nc.MaxPayload()) - partHead - partOverhead
	if room < 1 || len(message) > maxMessage {
		return fmt.Errorf("a message of %d bytes is too large", len(message))
	}
	parts := slices.Collect(slices.Chunk(message, room))
	if len(parts) == 0 {
		parts = [][]byte{nil}
	}
	for i, part := range parts {
		data := append(make([]byte, 0, partHead+len(part)), id[:]...)
		data = binary.BigEndian.AppendUint32(data, uint32(i))          //nolint:gosec // not negative
		data = binary.BigEndian.AppendUint32(data, uint32(len(parts))) //nolint:gosec // not negative
		if err := f.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: append(data, part...)}); err != nil {
			return err
		}
	}
	return nil
}

// readPart reads what publish has written.
func readPart(data []byte) (id uuid.UUID, number, of int, part []byte, ok bool) {
	if len(data) < partHead {
		return id, 0, 0, nil, false
	}
	copy(id[:], data)
	n, total := binary.BigEndian.Uint32(data[16:]), binary.BigEndian.Uint32(data[20:])
	if n >= total || total > maxParts {
		return id, 0, 0, nil, false
	}
	return id, int(n), int(total), data[partHead:], true
}

// answered takes a part of an answer.
func (f *Forwarding) answered(msg *nats.Msg) {
	token := strings.TrimPrefix(msg.Subject, f.inbox)
	f.mu.Lock()
	defer f.mu.Unlock()
	awaited := f.pending[token]
	if awaited == nil {
		return
	}
	if len(msg.Data) == 0 && msg.Header.Get("Status") == "503" {
		awaited.err = fmt.Errorf("%w: the supervisor is not there", leader.ErrNotDelivered)
	} else if _, number, of, part, ok := readPart(msg.Data); !ok || !awaited.add(number, of, part) {
		return
	}
	delete(f.pending, token)
	close(awaited.done)
}

// arrived takes a part of a message, and answers the message once it is whole.
func (f *Forwarding) arrived(msg *nats.Msg, answer func(context.Context, []byte) ([]byte, error)) {
	id, number, of, part, ok := readPart(msg.Data)
	if !ok || msg.Reply == "" || notAClients(msg) != nil {
		return
	}
	message, whole := f.assemble(id, number, of, part)
	if !whole {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.work.Go(func() {
		said, err := answer(f.ctx, message)
		if err == nil {
			err = f.publish(msg.Reply, "", id, said)
		}
		if err != nil {
			f.log.Debug("a message is not answered", "subject", msg.Subject, "error", err)
		}
	})
}

// assemble adds a part to a message, and returns the message if that makes it whole.
func (f *Forwarding) assemble(id uuid.UUID, number, of int, part []byte) (message []byte, whole bool) {
	if of == 1 {
		return part, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := id.String()
	a := f.arriving[key]
	if a == nil {
		a = &assembly{}
		a.timer = time.AfterFunc(arrivesIn, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.drop(key)
		})
		f.arriving[key] = a
	}
	before := a.bytes
	whole = a.add(number, of, part)
	f.bytes += a.bytes - before
	if whole {
		message = a.message()
	}
	if whole || f.bytes > maxArriving {
		f.drop(key)
	}
	return message, whole
}

// drop forgets a message that was arriving.
func (f *Forwarding) drop(key string) {
	if a := f.arriving[key]; a != nil {
		a.timer.Stop()
		f.bytes -= a.bytes
		delete(f.arriving, key)
	}
}
