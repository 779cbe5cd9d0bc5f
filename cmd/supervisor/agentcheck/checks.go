package agentcheck

import "time"

// check is one thing that an agent does.
type check struct {
	name    string
	expects string // what an agent does, in a sentence without its subject
	run     func(*trial) error

	overNATS, overHTTP bool          // false for both: over either
	optional           bool          // an agent may do without: a failure is a warning
	heartbeat          time.Duration // what the agent is told; default: that of the command line
	withToken          bool          // the server wants the token
}

// rare is an interval of heartbeats that no check outlives: a heartbeat that comes
// meanwhile, after the first, comes because of what has happened.
const rare = 2 * time.Minute

// atOnce is how long something may take, on a busy machine, that takes no time. It is less
// than rare.
const atOnce = 10 * time.Second

// checks are all checks, in the order of the report. Without the first, the others are
// skipped.
var checks = []check{
	{name: "register", expects: "registers before everything else, for type check, with a name and a capacity", run: checkRegister},
	{name: "connection", expects: "has a connection named agent:ID", run: checkConnection, overNATS: true, optional: true},
	{name: "commands", expects: "subscribes to its commands", run: checkSubscribes, overNATS: true, optional: true},
	{name: "commands", expects: "opens the stream of its commands, and keeps it open", run: checkStream, overHTTP: true},
	{name: "token", expects: "sends the token in CHECK_TOKEN as Authorization: Bearer", run: checkToken, overHTTP: true, optional: true, withToken: true},
	{name: "beats-idle", expects: "sends heartbeats at the interval that it was told, while it has nothing to do", run: checkBeatsIdle},
	{name: "beats-busy", expects: "sends heartbeats at the interval that it was told, while it works", run: checkBeatsBusy},
	{name: "running", expects: "lists each mission that it holds, with its lease, in every heartbeat, until it has reported it", run: checkRunning},
	{name: "capacity", expects: "claims no more missions than it has free slots", run: checkCapacity},
	{name: "result", expects: "completes a mission with its result", run: checkResult},
	{name: "failure", expects: "fails a mission with the text of the error, to be retried", run: checkFailure},
	{name: "permanent", expects: "fails a mission that is hopeless with retryable false", run: checkPermanent},
	{name: "fencing-token", expects: "sends the lease of the latest claim with everything about a mission", run: checkFencingToken},
	{name: "lost-report", expects: "repeats a report that is not answered, unchanged, and holds the mission meanwhile", run: checkLostReport},
	{name: "unavailable-report", expects: "repeats a report that is answered with 503, unchanged", run: checkUnavailableReport},
	{name: "refused-report", expects: "drops a mission whose report is answered with lease_lost", run: checkRefusedReport},
	{name: "cancel", expects: "stops a mission that the reply to a heartbeat lists in cancel, and does not report it", run: checkCancel},
	{name: "cancel-pushed", expects: "sends a heartbeat at once after the command cancel", run: checkCancelPushed, optional: true, heartbeat: rare},
	{name: "lost", expects: "stops a mission that the reply to a heartbeat lists in lost, and does not report it", run: checkLost},
	{name: "signals", expects: "acknowledges the signals that it has read", run: checkSignals},
	{name: "unknown", expects: "ignores fields of replies and commands that it does not know", run: checkUnknown},
	{name: "forgotten", expects: "registers again when requests return not_found", run: checkForgotten},
	{name: "claim-conflict", expects: "registers again when a claim returns conflict", run: checkClaimConflict},
	{name: "lease-over", expects: "stops a mission whose lease has ended because nothing was answered, and does not report it", run: checkLeaseOver},
	{name: "reconnect", expects: "connects again when its connections have broken, and goes on with what it holds", run: checkReconnect},
	{name: "reconnect-commands", expects: "opens the stream of commands again when it ends, and sends a heartbeat", run: checkReopens, overHTTP: true, heartbeat: rare},
	{name: "drain", expects: "on SIGTERM, says that it is draining, claims no more, finishes what it holds, leaves, and exits with 0", run: checkDrain},
	{name: "drain-idle", expects: "on SIGTERM, leaves at once and exits with 0 if it holds nothing", run: checkDrainIdle},
}

// over returns whether a check is about a transport.
func (c *check) over(http bool) bool {
	if http {
		return !c.overNATS
	}
	return !c.overHTTP
}
