package eventstream

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

func TestErrorCodesAreTheServers(t *testing.T) {
	t.Parallel()
	checked := map[string]bool{}
	for _, c := range []struct {
		name string
		code jetstream.ErrorCode
		want server.ErrorIdentifier
	}{
		{"codeNoPeers", codeNoPeers, server.JSClusterNoPeersErrF},
		{"codeInsufficient", codeInsufficient, server.JSInsufficientResourcesErr},
		{"codeStreamMismatch", codeStreamMismatch, server.JSStreamNotMatchErr},
		{"codeSubjectOverlap", codeSubjectOverlap, server.JSStreamSubjectOverlapErr},
		{"codeWrongLastMsgID", codeWrongLastMsgID, server.JSStreamWrongLastMsgIDErrF},
		{"codeReplicasNotSupported", codeReplicasNotSupported, server.JSStreamReplicasNotSupportedErr},
		{"codeHeaderTooLarge", codeHeaderTooLarge, server.JSStreamHeaderExceedsMaximumErr},
		{"codeNoLimits", codeNoLimits, server.JSNoLimitsErr},
		{"codeIDInProcess", codeIDInProcess, server.JSStreamDuplicateMessageConflict},
		{"codeBatchDisabled", codeBatchDisabled, server.JSAtomicPublishDisabledErr},
		{"codeBatchMissingSeq", codeBatchMissingSeq, server.JSAtomicPublishMissingSeqErr},
		{"codeBatchIncomplete", codeBatchIncomplete, server.JSAtomicPublishIncompleteBatchErr},
		{"codeBatchHeader", codeBatchHeader, server.JSAtomicPublishUnsupportedHeaderBatchErr},
		{"codeBatchID", codeBatchID, server.JSAtomicPublishInvalidBatchIDErr},
		{"codeBatchTooLarge", codeBatchTooLarge, server.JSAtomicPublishTooLargeBatchErrF},
		{"codeBatchCommit", codeBatchCommit, server.JSAtomicPublishInvalidBatchCommitErr},
		{"codeBatchDuplicate", codeBatchDuplicate, server.JSAtomicPublishContainsDuplicateMessageErr},
		{"codeBatchTooManyOpen", codeBatchTooManyOpen, server.JSAtomicPublishTooManyInflight},
	} {
		checked[c.name] = true
		if known := server.ApiErrors[c.want]; known == nil || known.ErrCode != uint16(c.code) || uint16(c.want) != uint16(c.code) {
			t.Errorf("%s is %d, the server's %d: %v", c.name, c.code, c.want, known)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "error_codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name != "batchCodes" && !checked[spec.Names[0].Name] {
			t.Errorf("%s is not held against the server", spec.Names[0].Name)
		}
		return true
	})
}
