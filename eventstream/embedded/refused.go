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

// What the broker refuses its clients, by kind. A client can cause each of them as often
// as it likes.
const (
	RefusedPublish   = "publish"       // to a subject that the user may not publish to, or with such a reply
	RefusedSubscribe = "subscribe"     // to a subject that the user may not subscribe to, or one more than it may have
	RefusedSignIn    = "sign_in"       // wrong or missing credentials, or one connection too many
	RefusedHandshake = "handshake"     // TLS: no certificate, a wrong one, or no common version
	RefusedProtocol  = "protocol"      // what is not NATS' protocol, or larger than it may be
	RefusedJetStream = "jetstream"     // requests that JetStream cannot read or carry out
	SlowConsumer     = "slow_consumer" // a connection that was closed because its client did not read
)

// refusals are the kinds of refusals, each with how its line begins.
var refusals = []struct{ kind, text string }{
	{RefusedPublish, "the broker refused to publish"},
	{RefusedSubscribe, "the broker refused a subscription"},
	{RefusedSignIn, "the broker refused a sign-in"},
	{RefusedHandshake, "a TLS handshake with the broker failed"},
	{RefusedProtocol, "the broker got what is not its protocol"},
	{RefusedJetStream, "JetStream refused a request"},
	{SlowConsumer, "the broker closed a connection that did not read"},
}

// The lines that are no refusals are bounded as well: what nats-server logs is more than
// can be listed here.
const (
	otherErrors   = "errors"
	otherWarnings = "warnings"
	otherBurst    = 60 // lines of each in a minute
)

// maxLine is how many bytes of a line of nats-server's are logged.
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

// Refused returns how often the broker has refused its clients something, by kind. Every
// kind is there from the start.
func (s *Server) Refused() map[string]uint64 { return s.log.refusals.Totals() }

// A line of nats-server's log is a format and its arguments. About a client the format
// begins with text that the client has chosen in part, its name for example, so that it
// must neither be searched for words nor be formatted: a name can be a verb of fmt, with
// a width of a million.
type line struct {
	format string
	args   []any
}

// splitClient takes apart a line about a client: HOST:PORT - cid:N - "…" - "…" - WHAT.
// The quoted parts may be missing. What is left has no text of the client's where it
// begins.
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

// text is the line as it is logged.
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

// whole returns a line whose format is nothing but verbs as one that is text alone.
// nats-server formats the lines itself whose rate it bounds.
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

// refusalOf returns what a line says was refused; false when it says something else.
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

// beginnings are how lines about a client begin, by kind.
var beginnings = []struct{ text, kind string }{
	{"Publish Violation", RefusedPublish},
	{"Subscription Violation", RefusedSubscribe},
	{server.ErrTooManySubs.Error(), RefusedSubscribe},
	{server.ErrAuthentication.Error(), RefusedSignIn},
	{server.ErrTooManyConnections.Error(), RefusedSignIn},
	{server.ErrTooManyAccountConnections.Error(), RefusedSignIn},
	{"Problem registering with account", RefusedSignIn},
	{"Outside connect times", RefusedSignIn},
	{"Bad src Ip", RefusedSignIn},
	{"TLS ", RefusedHandshake},
	{"Invalid JetStream request", RefusedJetStream},
	{"Slow Consumer Detected", SlowConsumer},
}

// clientKind returns the kind of a line about a client, "" for one that refuses nothing.
// Whatever else is wrong with a client is wrong with what it has sent.
func clientKind(level slog.Level, what line) string {
	if what.format == "%v - %s" && len(what.args) > 0 {
		if err, ok := what.args[0].(error); ok && errors.Is(err, server.ErrAuthentication) {
			return RefusedSignIn
		}
	}
	for _, b := range beginnings {
		if strings.HasPrefix(what.format, b.text) {
			return b.kind
		}
	}
	if level >= slog.LevelError {
		return RefusedProtocol
	}
	return ""
}

// serverBeginnings are how lines begin that clients can cause and that do not name one.
var serverBeginnings = []struct{ text, kind string }{
	{"Malformed JetStream API Request", RefusedJetStream},
	{"JetStream API stepdown request from non-system account", RefusedJetStream},
	{"JetStream account limits exceeded", RefusedJetStream},
	{"Stream create failed", RefusedJetStream},
	{"Consumer create failed", RefusedJetStream},
	{"Restore failed", RefusedJetStream},
	{"Stream restore failed", RefusedJetStream},
	{"Snapshot ", RefusedJetStream},
	{"JetStream consumer '%s > %s > %s' bad NAK delay value", RefusedJetStream},
	{"JetStream consumer '%s > %s > %s' ACK sequence", RefusedJetStream},
	{"Consumer %q > %q has a filter subject", RefusedJetStream},
	{"Rejected %d connections due to TLS rate limiting", RefusedHandshake},
	{"User %q found in connect proto", RefusedSignIn},
}

func serverKind(format string) string {
	for _, b := range serverBeginnings {
		if strings.HasPrefix(format, b.text) {
			return b.kind
		}
	}
	return ""
}
