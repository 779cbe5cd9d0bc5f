package demo

import (
	"net"
	"strings"
	"testing"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/test/fatal"
)

// A usual address that is taken is replaced, which is said. One that was asked for is not.
func TestATakenAddressIsReplaced(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fatal.If(t, err)
	taken := listener.Addr().String()
	var said strings.Builder
	c := ui.NewConsole(strings.NewReader(""), &said, &said, "1")
	if got := choose(t.Context(), c, "broker", taken, taken); got != taken || said.Len() > 0 {
		t.Errorf("%s was asked for, and %s chosen: %s", taken, got, &said)
	}
	if got := choose(t.Context(), c, "broker", "", taken); got != anyPort || !strings.Contains(said.String(), taken+" is taken, so the demo's broker gets another port") {
		t.Errorf("%s is taken, and %s chosen: %s", taken, got, &said)
	}
	fatal.If(t, listener.Close())
	if got := choose(t.Context(), c, "broker", "", taken); got != taken {
		t.Errorf("%s is free, and %s chosen", taken, got)
	}
}
