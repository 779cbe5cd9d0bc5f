package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"missioncontrol/lograte"
)

// Kinds of refusals to clients. A client can cause each of them as often as it
// likes.
const (
	refusedPublish   = "publish"       // to a subject the user may not publish to, or with such a reply subject
	refusedSubscribe = "subscribe"     // to a subject the user may not subscribe to, or beyond the allowed number
	refusedSignIn    = "sign_in"       // wrong or missing credentials, or too many connections
	refusedHandshake = "handshake"     // TLS: no certificate, a wrong one, or no common version
	refusedProtocol  = "protocol"      // data that is not the NATS protocol, or too large
	refusedJetStream = "jetstream"     // requests that JetStream cannot read or execute
	slowConsumer     = "slow_consumer" // a connection closed because its client did not read
)

// refusals lists the kinds of refusals, each with the start of its log line.
var refusals = []struct{ kind, text string }{
	{refusedPublish, "the broker refused to publish"},
	{refusedSubscribe, "the broker refused a subscription"},
	{refusedSignIn, "the broker refused a sign-in"},
	{refusedHandshake, "a TLS handshake with the broker failed"},
	{refusedProtocol, "a client sent the broker something that is not its protocol"},
	{refusedJetStream, "JetStream refused a request"},
	{slowConsumer, "the broker closed the connection of a client that did not read"},
}

// Lines that are not refusals are rate limited as well: nats-server logs more than
// can be listed here.
const (
	otherErrors   = "errors"
	otherWarnings = "warnings"
	otherBurst    = 60 // lines of each kind per minute
)

// maxLine is how many bytes of a nats-server line are logged.
const maxLine = 1 << 10

func newRefusals(now func() time.Time) *lograte.Limiter {
	kinds := make([]lograte.Kind, len(refusals))
	for i, r := range refusals {
		kinds[i] = lograte.Kind{Name: r.kind}
	}
	return lograte.New(lograte.Interval, now, kinds...)
}

func newOthers(now func() time.Time) *lograte.Limiter {
	return lograte.New(lograte.Interval, now,
		lograte.Kind{Name: otherErrors, Burst: otherBurst}, lograte.Kind{Name: otherWarnings, Burst: otherBurst})
}

// Refused returns how often the broker has refused something to its clients, by
// kind. Every kind is present from the start.
func (s *Server) Refused() map[string]uint64 { return s.log.refusals.Totals() }

// line is a line of nats-server's log: a format and its arguments. For a line about
// a client, the format begins with text that the client partly controls, such as its
// name. It must not be searched for words or formatted: a name can be a fmt verb
// with a width of a million.
type line struct {
	format string
	args   []any
}

// splitClient splits a line about a client: HOST:PORT - cid:N - "…" - "…" - WHAT.
// The quoted parts may be missing. The rest does not begin with text from the
// client.
func (l line) splitClient() (client string, what line, ok bool) {
	head, rest, ok := strings.Cut(l.format, " - cid:")
	if !ok || strings.ContainsAny(head, " \"") {
		return "", line{}, false
	}
	rest = strings.TrimLeft(rest, "0123456789")
	for {
		next, found := strings.CutPrefix(rest, " - ")
		if !found {
			return "", line{}, false
		}
		quoted, err := strconv.QuotedPrefix(next)
		if err != nil || quoted[0] != '"' {
			client = strings.TrimSuffix(l.format, rest)
			return client, line{next, l.args}, true
		}
		rest = next[len(quoted):]
	}
}

// text returns the line as it is logged.
func (l line) text() string {
	client, what, _ := l.splitClient()
	if client == "" {
		what = l
	} else {
		client += " - "
	}
	text := what.format
	if len(what.args) > 0 {
		text = fmt.Sprintf(what.format, what.args...)
	}
	text = strings.TrimSpace(client + text)
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	return text
}

// whole converts a line whose format is only verbs to one that is only text.
// nats-server itself formats the lines that it rate limits.
func (l line) whole() line {
	if strings.HasPrefix(l.format, "%s") && len(l.args) > 0 {
		return line{format: fmt.Sprintf(l.format, l.args...)}
	}
	return l
}

// refusal is what a line says was refused to a client.
type refusal struct {
	kind, client string
	what         line
}

// refusalOf returns the refusal that a line reports, or false.
func refusalOf(level slog.Level, l line) (refusal, bool) {
	l = l.whole()
	if client, what, ok := l.splitClient(); ok {
		kind := clientKind(level, what)
		return refusal{kind, client, what}, kind != ""
	}
	if kind := serverKind(l.format); kind != "" {
		return refusal{kind: kind, what: l}, true
	}
	return refusal{}, false
}

// beginnings lists how lines about a client begin, by kind.
var beginnings = []struct{ text, kind string }{
	{"Publish Violation", refusedPublish},
	{"Subscription Violation", refusedSubscribe},
	{server.ErrTooManySubs.Error(), refusedSubscribe},
	{server.ErrAuthentication.Error(), refusedSignIn},
	{server.ErrTooManyConnections.Error(), refusedSignIn},
	{server.ErrTooManyAccountConnections.Error(), refusedSignIn},
	{"Problem registering with account", refusedSignIn},
	{"Outside connect times", refusedSignIn},
	{"Bad src Ip", refusedSignIn},
	{"TLS ", refusedHandshake},
	{"Invalid JetStream request", refusedJetStream},
	{"Slow Consumer Detected", slowConsumer},
}

// clientKind returns the kind of a line about a client, or "" if nothing was
// refused. Any other problem with a client is a problem with what it sent.
func clientKind(level slog.Level, what line) string {
	if what.format == "%v - %s" && len(what.args) > 0 {
		if err, ok := what.args[0].(error); ok && errors.Is(err, server.ErrAuthentication) {
			return refusedSignIn
		}
	}
	for _, b := range beginnings {
		if strings.HasPrefix(what.format, b.text) {
			return b.kind
		}
	}
	if level >= slog.LevelError {
		return refusedProtocol
	}
	return ""
}

// serverBeginnings lists how lines begin that clients can cause and that do not
// name a client.
var serverBeginnings = []struct{ text, kind string }{
	{"Malformed JetStream API Request", refusedJetStream},
	{"JetStream API stepdown request from non-system account", refusedJetStream},
	{"JetStream account limits exceeded", refusedJetStream},
	{"Stream create failed", refusedJetStream},
	{"Consumer create failed", refusedJetStream},
	{"Restore failed", refusedJetStream},
	{"Stream restore failed", refusedJetStream},
	{"Snapshot ", refusedJetStream},
	{"JetStream consumer '%s > %s > %s' bad NAK delay value", refusedJetStream},
	{"JetStream consumer '%s > %s > %s' ACK sequence", refusedJetStream},
	{"Consumer %q > %q has a filter subject", refusedJetStream},
	{"Rejected %d connections due to TLS rate limiting", refusedHandshake},
	{"User %q found in connect proto", refusedSignIn},
}

func serverKind(format string) string {
	for _, b := range serverBeginnings {
		if strings.HasPrefix(format, b.text) {
			return b.kind
		}
	}
	return ""
}
