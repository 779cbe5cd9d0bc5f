package eventstream

import "github.com/nats-io/nats.go/jetstream"

// JetStream error codes that the client library does not name. The numbers are part of the
// protocol (errors.json in the server); a test holds them against the server's.
const (
	codeNoPeers              jetstream.ErrorCode = 10005 // no suitable peers for placement, and why
	codeInsufficient         jetstream.ErrorCode = 10023 // the same in older servers
	codeStreamMismatch       jetstream.ErrorCode = 10060 // a publish requires another stream
	codeSubjectOverlap       jetstream.ErrorCode = 10065 // another stream has the subjects
	codeWrongLastMsgID       jetstream.ErrorCode = 10070 // another message is the newest
	codeReplicasNotSupported jetstream.ErrorCode = 10074 // not a cluster
	codeHeaderTooLarge       jetstream.ErrorCode = 10097
	codeNoLimits             jetstream.ErrorCode = 10120 // the account may not have replicated streams
	codeIDInProcess          jetstream.ErrorCode = 10158 // a copy of the message is being stored

	codeBatchDisabled    jetstream.ErrorCode = 10174 // the stream does not allow it
	codeBatchMissingSeq  jetstream.ErrorCode = 10175
	codeBatchIncomplete  jetstream.ErrorCode = 10176 // its first messages were lost, or went to another leader
	codeBatchHeader      jetstream.ErrorCode = 10177 // unsupported
	codeBatchID          jetstream.ErrorCode = 10179 // invalid
	codeBatchTooLarge    jetstream.ErrorCode = 10199
	codeBatchCommit      jetstream.ErrorCode = 10200 // invalid
	codeBatchDuplicate   jetstream.ErrorCode = 10201 // contains a message that is already stored
	codeBatchTooManyOpen jetstream.ErrorCode = 10210
)

// batchCodes are the errors with which JetStream rejects an atomic batch as a
// whole. They say nothing about its messages, which may be accepted one at a time.
var batchCodes = []jetstream.ErrorCode{
	codeBatchDisabled, codeBatchMissingSeq, codeBatchIncomplete, codeBatchHeader, codeBatchID, codeBatchTooLarge,
	codeBatchCommit, codeBatchDuplicate, codeBatchTooManyOpen,
}
