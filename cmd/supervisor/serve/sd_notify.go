package serve

import (
	"log/slog"
	"net"
	"strings"

	"missioncontrol/cmd/supervisor/config"
)

// The states that systemd accepts from a service with Type=notify; see sd_notify(3).
const (
	sdReady    = "READY=1"
	sdStopping = "STOPPING=1"
)

// tellSystemd sends the state of the start or the stop to the socket named by the
// environment, if any.
func tellSystemd(lookup config.Lookup, state string, log *slog.Logger) {
	name, _ := lookup("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if abstract, ok := strings.CutPrefix(name, "@"); ok {
		name = "\x00" + abstract
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close() // the datagram has been sent or not
	}
	if err != nil {
		log.Warn("cannot notify systemd", "state", state, "error", err)
	}
}
