package natsapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// A broker sends the messages of a connection one after the other, and disconnects a
// client for which too much is pending. Even if large requests are refused quickly, the
// requests behind a flood of them wait until they are read, or are lost with the
// connection. Requests that must get through therefore do not share a connection with
// requests that can be large.

// connKind says which connection requests come in on.
type connKind int

const (
	connMain      connKind = iota // status; small, and answered from memory or by a brief read
	connHeartbeat                 // heartbeats
	connBulk                      // everything that carries missions
	connKinds
)

// conn is a connection for requests and their replies.
type conn struct {
	nc  *nats.Conn
	log *slog.Logger
}

// reconnectWait is how long the additional connections wait between two attempts to
// reach a broker that is away.
const reconnectWait = 25 * time.Millisecond

// openConns opens the additional connections to the same broker, with the same options
// and name as the main one.
func openConns(main *nats.Conn, log *slog.Logger) (conns [connKinds]*conn, err error) {
	conns[connMain] = &conn{nc: main, log: log}
	for kind := connMain + 1; kind < connKinds; kind++ {
		options := main.Opts                                                                                         // a copy
		options.ConnectedCB, options.DisconnectedErrCB, options.ReconnectedCB, options.ClosedCB = nil, nil, nil, nil // they are for the main one
		// When the main connection is back, and health with it, the others nearly
		// always are too.
		options.ReconnectWait, options.ReconnectJitter, options.ReconnectJitterTLS = reconnectWait, 0, 0
		nc, err := options.Connect()
		if err != nil {
			closeConns(conns)
			return conns, fmt.Errorf("open another connection to the broker: %w", err)
		}
		conns[kind] = &conn{nc: nc, log: log}
	}
	return conns, nil
}

// closeConns closes all but the main connection, which belongs to the caller.
func closeConns(conns [connKinds]*conn) {
	for _, l := range conns[connMain+1:] {
		if l != nil {
			l.nc.Close()
		}
	}
}

// flush waits until the broker has received what was sent, if it is connected.
func (l *conn) flush(maxWait time.Duration) error {
	if !l.nc.IsConnected() {
		return nil
	}
	return l.nc.FlushTimeout(maxWait)
}

// reply sends an answer or an error, and reports whether it was an answer.
func (l *conn) reply(to, name string, answer any, err error) bool {
	var body []byte
	limit := l.nc.MaxPayload()
	if err == nil {
		body, err = api.EncodeWithin(answer, int(limit))
	}
	if err == nil && limit > 0 && int64(len(body)) > limit {
		err = missions.TooLarge("reply", "has %d bytes, but the broker's max_payload is %d; request less, or raise it", len(body), limit)
	}
	if err != nil {
		l.refuse(to, l.wire(name, err))
		return false
	}
	l.send(to, name, body)
	return true
}

// send sends a reply if the request has a reply subject.
func (l *conn) send(to, name string, body []byte) {
	if to == "" {
		return
	}
	if err := l.nc.Publish(to, body); err != nil {
		l.log.Warn("cannot send a reply", "endpoint", name, "error", err)
	}
}

// wire converts an error to its wire form and logs what the wire form omits.
func (l *conn) wire(name string, err error) *api.Error {
	wire := api.FromError(err)
	if level, logged := wire.Logged(); logged {
		l.log.Log(context.Background(), level, "a request failed", "endpoint", name, "error", err)
	}
	return wire
}

func (l *conn) refuse(to string, wire *api.Error) {
	if to == "" {
		return
	}
	body, err := api.Encode(api.ErrorReply{Error: wire})
	if err != nil {
		l.log.Error("cannot encode an error reply", "error", err)
		return
	}
	msg := nats.NewMsg(to)
	msg.Header[api.HeaderErrorCode] = []string{wire.StatusText()}
	msg.Header[api.HeaderError] = []string{wire.Message}
	msg.Data = body
	if err := l.nc.PublishMsg(msg); err != nil {
		l.log.Warn("cannot send an error reply", "error", err)
	}
}

// drain ends a subscription and waits until the messages it received have been handled.
// While the broker is away there is nothing to wait for.
func (l *conn) drain(ctx context.Context, sub *nats.Subscription) error {
	if !l.nc.IsConnected() {
		_ = sub.Unsubscribe() // fails only on a closed connection
		return nil
	}
	closed := sub.StatusChanged(nats.SubscriptionClosed)
	err := sub.Drain()
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
		return nil
	}
	if err != nil {
		return err
	}
	select {
	case <-closed:
	case <-ctx.Done():
	}
	return nil
}
