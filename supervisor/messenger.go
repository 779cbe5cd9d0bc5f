package supervisor

import (
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
)

// notInboxes begin the subjects to which no reply is sent, because what arrives there
// is taken for something else: a request, an event, a command to JetStream.
//
// A broker's permissions say who may send to a subject, but whoever may send a request
// chooses where its reply goes, and the reply is ours. An agent that asks for {} to be
// sent to another agent's leave, where {} is a request, would have dismissed it.
var notInboxes = []string{
	strings.TrimSuffix(api.SubjectAll, ">"), eventstream.SubjectPrefix, eventstream.DeadLetterPrefix, "$",
}

// headerStatus marks what the broker says by itself. JetStream sends such messages,
// which have no body, wherever somebody who asked it has wished.
const headerStatus = "Status"

// messenger reports whether a request would make somebody say what another one wants
// said: us, by its reply, or JetStream, which sent it. JetStream's own messages are
// among them, since their reply is their acknowledgement's subject.
func messenger(msg *nats.Msg) bool {
	return len(msg.Header) > 0 && msg.Header.Get(headerStatus) != "" ||
		slices.ContainsFunc(notInboxes, func(prefix string) bool { return strings.HasPrefix(msg.Reply, prefix) })
}
