package roles

import (
	"slices"
	"strings"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
)

const (
	inboxes = "_INBOX.>"
	events  = eventstream.DefaultStreamName
	letters = eventstream.DeadLetterStreamName
	ledger  = "KV_" + eventstream.LedgerBucket

	jsAPI = "$JS.API."
)

// peopleHear are the subjects that viewers and operators may subscribe to.
var peopleSubscribe = []string{eventstream.SubjectAll, inboxes}

// requests returns the subjects of the requests with this access.
func requests(access api.Access) (subjects []string) {
	for _, op := range api.Operations() {
		if op.Access == access && op.Subject != "" {
			subjects = append(subjects, op.Subject)
		}
	}
	return subjects
}

// discovery are the subjects that nats micro sends requests to.
var discovery = []string{"$SRV.PING", "$SRV.PING.>", "$SRV.INFO", "$SRV.INFO.>", "$SRV.STATS", "$SRV.STATS.>"}

// readingEvents are the subjects needed to read the stream, directly or through a
// consumer, including durable ones.
var readingEvents = []string{
	jsAPI + "INFO", jsAPI + "STREAM.NAMES", jsAPI + "STREAM.LIST", jsAPI + "STREAM.INFO." + events, jsAPI + "STREAM.MSG.GET." + events,
	jsAPI + "DIRECT.GET." + events, jsAPI + "DIRECT.GET." + events + ".>",
	jsAPI + "CONSUMER.CREATE." + events, jsAPI + "CONSUMER.CREATE." + events + ".>",
	jsAPI + "CONSUMER.NAMES." + events, jsAPI + "CONSUMER.LIST." + events,
	jsAPI + "CONSUMER.DURABLE.CREATE." + events + ".*",
	jsAPI + "CONSUMER.INFO." + events + ".*", jsAPI + "CONSUMER.MSG.NEXT." + events + ".*", "$JS.ACK." + events + ".>",
}

// handling are the additional subjects for programs that act on events: to delete
// consumers, to store dead letters, and to remember what has been handled.
var handling = []string{
	jsAPI + "CONSUMER.DELETE." + events + ".*",
	jsAPI + "STREAM.INFO." + letters, jsAPI + "DIRECT.GET." + letters, jsAPI + "DIRECT.GET." + letters + ".>",
	eventstream.DeadLetterPrefix + "*",
	jsAPI + "STREAM.INFO." + ledger, jsAPI + "DIRECT.GET." + ledger + ".>", "$KV." + eventstream.LedgerBucket + ".>",
}

func viewerPublishes() []string {
	return slices.Concat(requests(api.AccessRead), discovery, readingEvents)
}

func operatorPublishes() []string {
	return slices.Concat(viewerPublishes(), requests(api.AccessChange), handling)
}

// supervisorPublishes includes neither the requests of agents and people nor subjects
// that would delete a stream. So no client can make the supervisor publish there by
// naming such a subject as the reply subject.
func supervisorPublishes() []string {
	return slices.Concat(
		[]string{
			inboxes, "_R_.>", // replies, the latter across the border between accounts
			api.CommandsSubject("*"), "supervisor.peers.>", eventstream.SubjectAll,
			"$SYS.REQ.USER.INFO", // returns the user's own name, account and permissions
			jsAPI + "STREAM.CREATE." + events, jsAPI + "STREAM.CREATE." + letters, jsAPI + "STREAM.CREATE." + ledger,
		},
		readingEvents, handling,
	)
}

// supervisorHears are the subjects of the requests that the supervisor answers, and of
// the messages it receives.
var supervisorSubscribes = []string{api.SubjectAll, "$SRV.>", eventstream.SubjectAll, inboxes}

// Share is something in the account with JetStream that people can reach from their own
// account, if their permissions allow it.
type Share struct {
	Subject string
	Events  bool // they subscribe to it; otherwise they send requests there
	Many    bool // a request may have several replies
}

// Shares returns everything that crosses the border between the accounts.
func Shares() []Share {
	shares := []Share{{Subject: eventstream.SubjectAll, Events: true}}
	for _, subject := range operatorPublishes() {
		many := strings.HasPrefix(subject, "$SRV.") || strings.Contains(subject, ".DIRECT.GET.") || strings.Contains(subject, ".MSG.NEXT.")
		shares = append(shares, Share{Subject: subject, Many: many})
	}
	return shares
}
