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

// peopleHear is what viewers and operators may listen to.
var peopleHear = []string{eventstream.SubjectAll, inboxes}

// reading are the requests that change nothing.
var readRequests = []string{
	api.SubjectHealth, api.SubjectStatus, api.SubjectAgents, api.SubjectMissionsGet, api.SubjectMissionsList,
	api.SubjectMissionsLog, api.SubjectMissionsWait, api.SubjectMissionsStats, api.SubjectMissionsHistory, api.SubjectAlerts,
}

// steering are the requests of those who hand in missions.
var changeRequests = []string{
	api.SubjectMissionsCreate, api.SubjectMissionsCancel, api.SubjectMissionsRetry, api.SubjectMissionsDelete,
}

// discovery is what nats micro asks.
var discovery = []string{"$SRV.PING", "$SRV.PING.>", "$SRV.INFO", "$SRV.INFO.>", "$SRV.STATS", "$SRV.STATS.>"}

// readingEvents is what it takes to read the stream, as it is or through a consumer,
// durable ones included.
var readingEvents = []string{
	jsAPI + "INFO", jsAPI + "STREAM.NAMES", jsAPI + "STREAM.LIST", jsAPI + "STREAM.INFO." + events, jsAPI + "STREAM.MSG.GET." + events,
	jsAPI + "DIRECT.GET." + events, jsAPI + "DIRECT.GET." + events + ".>",
	jsAPI + "CONSUMER.CREATE." + events, jsAPI + "CONSUMER.CREATE." + events + ".>",
	jsAPI + "CONSUMER.NAMES." + events, jsAPI + "CONSUMER.LIST." + events,
	jsAPI + "CONSUMER.DURABLE.CREATE." + events + ".*",
	jsAPI + "CONSUMER.INFO." + events + ".*", jsAPI + "CONSUMER.MSG.NEXT." + events + ".*", "$JS.ACK." + events + ".>",
}

// handling is what those take besides who act on events: to take consumers away, to
// keep dead letters, and to remember what has been handled.
var handling = []string{
	jsAPI + "CONSUMER.DELETE." + events + ".*",
	jsAPI + "STREAM.INFO." + letters, jsAPI + "DIRECT.GET." + letters, jsAPI + "DIRECT.GET." + letters + ".>",
	eventstream.DeadLetterPrefix + "*",
	jsAPI + "STREAM.INFO." + ledger, jsAPI + "DIRECT.GET." + ledger + ".>", "$KV." + eventstream.LedgerBucket + ".>",
}

func viewerPublishes() []string { return slices.Concat(readRequests, discovery, readingEvents) }

func operatorPublishes() []string { return slices.Concat(viewerPublishes(), changeRequests, handling) }

// supervisorPublishes does not hold what agents and people send, nor what would
// delete a stream: nobody can make the supervisor say it by naming it as the subject
// of a reply.
func supervisorPublishes() []string {
	return slices.Concat(
		[]string{
			inboxes, "_R_.>", // replies, the latter over the border between accounts
			api.CommandsSubject("*"), "supervisor.peers.>", eventstream.SubjectAll,
			"$SYS.REQ.USER.INFO", // which user, account and permissions are its own
			jsAPI + "STREAM.CREATE." + events, jsAPI + "STREAM.CREATE." + letters, jsAPI + "STREAM.CREATE." + ledger,
		},
		readingEvents, handling,
	)
}

// supervisorHears is what the supervisor answers, and what it hears of others.
var supervisorHears = []string{api.SubjectAll, "$SRV.>", eventstream.SubjectAll, inboxes}

// Share is something of the account with JetStream that people reach from theirs,
// if their permissions let them.
type Share struct {
	Subject string
	Events  bool // they listen to it; otherwise they send requests there
	Many    bool // a request may have several answers
}

// Shares returns all that crosses the border between the accounts.
func Shares() []Share {
	shares := []Share{{Subject: eventstream.SubjectAll, Events: true}}
	for _, subject := range operatorPublishes() {
		many := strings.HasPrefix(subject, "$SRV.") || strings.Contains(subject, ".DIRECT.GET.") || strings.Contains(subject, ".MSG.NEXT.")
		shares = append(shares, Share{Subject: subject, Many: many})
	}
	return shares
}
