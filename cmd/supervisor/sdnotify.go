package main

import (
	"log/slog"
	"net"
	"strings"
)

// What systemd is told of a service with Type=notify; see sd_notify(3).
const (
	sdReady    = "READY=1"
	sdStopping = "STOPPING=1"
)

// tellSystemd says how far the start or the stop is, to the socket that whoever started
// the process has named, if any.
func (c *cli) tellSystemd(state string, log *slog.Logger) {
	name, _ := c.lookup("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if abstract, ok := strings.CutPrefix(name, "@"); ok {
		name = "\x00" + abstract
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close() // a datagram has been sent or not
	}
	if err != nil {
		log.Warn("systemd could not be told", "state", state, "error", err)
	}
}
