package python

import (
	"os/exec"
	"testing"
)

// The agent of the SDK keeps to the protocol in all that `supervisor agent check` tries, over
// HTTP, with leases that a busy machine does not miss.
func TestTheAgentPassesTheChecks(t *testing.T) {
	t.Parallel()
	check := exec.CommandContext(t.Context(), binary, "agent", "check", "--http", "--heartbeat", "1s", "--strict", "--", "python3", "tests/check_agent.py")
	check.Dir = sdk
	if report, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, report)
	}
}
