package natsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream"
	"missioncontrol/lograte"
	"missioncontrol/supervisor/api"
)

// A broker checks what a client publishes. It does not check what JetStream and other
// services publish as replies, and the client that sends them a request chooses the
// reply subject. So a reply can arrive where a request is expected, caused by a client
// that may not send that request. This file distinguishes such messages from requests.

// reservedReplies are the prefixes of subjects to which no reply is sent, because a
// message there counts as something else: a request, an acknowledgement, an event, or a
// command to JetStream. Otherwise an agent could have the reply {} sent to another
// agent's leave subject, where {} is a request, and take that agent offline.
var reservedReplies = []string{
	strings.TrimSuffix(api.SubjectAll, ">"), eventstream.SubjectPrefix, eventstream.DeadLetterPrefix, "$",
}

// Headers of messages that the broker sends, not a client: status messages, which have
// no body, and stored messages. If a message crosses from one account to another, the
// broker records in headerRequestInfo where it came from.
const (
	headerStatus      = "Status"
	headerStream      = "Nats-Stream"
	headerMsgSize     = "Nats-Msg-Size" // of a consumer that delivers headers only
	headerRequestInfo = "Nats-Request-Info"
)

// Reasons why a message is not handled as a request.
var (
	errReservedReply = errors.New("its reply would be mistaken for a request, an event or a command")
	errFromBroker    = errors.New("it was sent by the broker, not by a client")
	errNoReply       = errors.New("a request that changes missions needs a reply subject")
	errForeignInbox  = errors.New("an agent's reply must go to the agent's own inbox")
)

// notAClients returns why a message is not a client's request, whatever the request is.
func notAClients(msg *nats.Msg) error {
	if slices.ContainsFunc(reservedReplies, func(prefix string) bool { return strings.HasPrefix(msg.Reply, prefix) }) {
		return errReservedReply
	}
	if len(msg.Header) == 0 {
		return nil
	}
	for _, name := range []string{headerStatus, headerStream, headerMsgSize} {
		if _, there := msg.Header[name]; there {
			return errFromBroker
		}
	}
	return nil
}

// check returns why a message is not a request that its sender may make.
func (u *ownUser) check(ep *endpoint, msg *nats.Msg) error {
	if err := notAClients(msg); err != nil {
		return err
	}
	if ep.Access == api.AccessChange && msg.Reply == "" {
		return errNoReply
	}
	known := u.known.Load()
	if known == nil {
		return nil
	}
	// What a client of our account sends does not cross an account border, and what a
	// client of another account sends does not come from ours.
	if len(msg.Header) > 0 && strings.Contains(msg.Header.Get(headerRequestInfo), known.origin) {
		return errFromBroker
	}
	if ep.Access == api.AccessAgent && known.agentsApart && msg.Reply != "" && !agentsInbox(api.AgentOf(msg.Subject), msg.Reply) {
		return errForeignInbox
	}
	return nil
}

// agentsInbox reports whether a reply subject is in the agent's own inbox, or is one
// that the broker made for it at an account border, which no client can name.
func agentsInbox(agentID, reply string) bool {
	return strings.HasPrefix(reply, api.InboxPrefix(agentID)+".") || strings.HasPrefix(reply, "_R_.")
}

// ownUser is what the broker says about the user that the supervisor signed in as.
type ownUser struct {
	log   *slog.Logger
	known atomic.Pointer[userInfo] // nil until the broker has said it

	refusals *lograte.Limiter
}

// refusalKind is the one kind of refusals.
const refusalKind = "request"

func newOwnUser(log *slog.Logger) *ownUser {
	return &ownUser{log: log, refusals: lograte.New(lograte.Interval, time.Now, lograte.Kind{Name: refusalKind})}
}

type userInfo struct {
	// origin is in the request info of messages from our own account.
	origin string

	// agentsApart means that we may not publish what agents publish. So agents are
	// other users, and have their own inboxes.
	agentsApart bool
}

const (
	userInfoSubject = "$SYS.REQ.USER.INFO"
	userInfoTimeout = 500 * time.Millisecond
)

// ask asks the broker who we are. Until the broker answers, requests are only checked
// for what is visible without knowing that.
func (u *ownUser) ask(ctx context.Context, nc *nats.Conn) {
	ctx, cancel := context.WithTimeout(ctx, userInfoTimeout)
	defer cancel()
	info, err := askUserInfo(ctx, nc)
	if err != nil {
		if ctx.Err() == nil || errors.Is(err, context.DeadlineExceeded) {
			u.log.Warn("the broker does not report the supervisor's user; allow the supervisor to publish to "+userInfoSubject+
				" (supervisor auth render writes it)", "error", err)
		}
		return
	}
	u.known.Store(info)
}

func askUserInfo(ctx context.Context, nc *nats.Conn) (*userInfo, error) {
	reply, err := nc.RequestWithContext(ctx, userInfoSubject, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Account     string `json:"account"`
			Permissions *struct {
				Publish struct{ Allow, Deny []string } `json:"publish"`
			} `json:"permissions"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return nil, fmt.Errorf("cannot decode the broker's reply about this user: %w", err)
	}
	if answer.Data.Account == "" {
		return nil, errors.New("the broker does not report this user's account")
	}
	info := &userInfo{origin: fmt.Sprintf(`"acc":%q`, answer.Data.Account)}
	if p := answer.Data.Permissions; p != nil {
		info.agentsApart = !mayPublish(p.Publish.Allow, p.Publish.Deny, api.AgentSubject("someone", api.AgentClaim))
	}
	return info, nil
}

// mayPublish reports whether permissions allow publishing to a subject. To the broker
// an empty allow list means everything.
func mayPublish(allow, deny []string, subject string) bool {
	covers := func(pattern string) bool { return api.MatchesType(pattern, subject) }
	return (len(allow) == 0 || slices.ContainsFunc(allow, covers)) && !slices.ContainsFunc(deny, covers)
}

// keep asks again after each reconnection, until ctx ends: another broker may know this
// user differently.
func (u *ownUser) keep(ctx context.Context, nc *nats.Conn) {
	connected := nc.StatusChanged(nats.CONNECTED)
	defer nc.RemoveStatusListener(connected)
	for {
		select {
		case _, open := <-connected:
			if !open {
				return
			}
			u.ask(ctx, nc)
		case <-ctx.Done():
			return
		}
	}
}

// refused logs a refusal, at a bounded rate: a client can send many such messages.
func (u *ownUser) refused(ep *endpoint, reason error) {
	if more, logged := u.refusals.Count(refusalKind); logged {
		u.log.Warn("refused a request without a reply", "endpoint", ep.Name, "reason", reason, "more", more)
	}
}
