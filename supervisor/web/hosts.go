package web

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// onlyHosts refuses requests that were made for another host than this one. A name
// of some other site can be made to point at a loopback address, and its pages would
// then read and change everything here as if they were our own (DNS rebinding). Whoever
// listens on an address that others can reach may be reached by any name. Requests
// without a host are not a browser's.
func onlyHosts(listener *Listener, next http.Handler, log *slog.Logger) http.Handler {
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil || !address.Addr().Unmap().IsLoopback() {
		return next
	}
	d := door{log: log}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostOnly(r.Host); host != "" && !isLoopback(host) && !strings.EqualFold(host, listener.host) {
			d.refuse(w, r, forbidden("this is not the host that was asked for; ask for localhost, or for "+address.String()))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOnly is a Host header without its port.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// isLoopback reports whether a host can only be this machine: localhost, a name below
// it (RFC 6761), or a loopback address.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
