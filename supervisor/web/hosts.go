package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// hosts are the hosts that requests may name. Another site can point its name at our
// address, and its pages could then read and change everything here as if they were our
// own (DNS rebinding). Tokens prevent that. Without tokens, the operator must have
// allowed the name. An IP address cannot be rebound.
type hosts struct {
	allowed      []string // from --http-host, and the one in --http
	loopback     bool     // only this machine can reach it, by a loopback address
	unrestricted bool     // any host is allowed
}

func newHosts(listener *Listener, guard Guard) hosts {
	h := hosts{allowed: guard.Hosts}
	if name, err := ParseHost(listener.host); err == nil {
		h.allowed = append(slices.Clone(h.allowed), name)
	}
	address, err := netip.ParseAddrPort(listener.Addr().String())
	h.loopback = err == nil && address.Addr().Unmap().IsLoopback()
	h.unrestricted = guard.Tokens != nil && !h.loopback
	return h
}

// only refuses requests for hosts that are not allowed. Requests without a host do not
// come from a browser.
func (h hosts) only(d frontEnd, next http.Handler) http.Handler {
	if h.unrestricted {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostOnly(r.Host); host != "" && !h.allows(host) {
			d.refuse(w, r, forbidden(fmt.Sprintf("the host %q is not allowed; use localhost or an IP address, or allow this host with --http-host",
				printable(host))))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allows reports whether a host, without its port, is allowed.
func (h hosts) allows(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || h.named(host) {
		return true
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return !h.loopback || address.Unmap().IsLoopback()
	}
	return h.loopback && strings.HasSuffix(host, ".localhost") // RFC 6761: never another machine
}

// named reports whether the operator has allowed a host. The host is in lower case and
// has no port and no trailing dot.
func (h hosts) named(host string) bool { return slices.Contains(h.allowed, host) }

// sameOrigin refuses changes requested by pages of other origins. If there is a
// Sec-Fetch-Site header, it decides: the browser has compared the page with the address
// that it sends to, whatever a proxy does with Host. Otherwise the Origin must match
// the Host, or an allowed name, for a proxy that sets another Host.
func (h hosts) sameOrigin(d frontEnd, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if protection.Check(r) != nil && (r.Header.Get("Sec-Fetch-Site") != "" || !h.namedOrigin(r.Header.Get("Origin"))) {
			d.refuse(w, r, forbidden("pages of other sites may not change anything; if this page is served by the supervisor behind a proxy, allow its host with --http-host"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// namedOrigin reports whether an Origin header has a host that the operator has
// allowed.
func (h hosts) namedOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	return h.named(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")))
}

// hostOnly returns a Host header without its port.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

const maxHost = 253 // characters of a host name, RFC 1035

// printable returns a host as an error may show it: short, and only with characters
// that hosts have.
func printable(host string) string {
	if len(host) > maxHost {
		host = host[:maxHost]
	}
	return strings.Map(func(r rune) rune {
		if hostRune(r) || r == '.' || r == ':' {
			return r
		}
		return '?'
	}, host)
}

func hostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// ParseHost parses a host for [Guard.Hosts]: a name, in its ASCII form, or an IP
// address. The error says what is wrong with it.
func ParseHost(text string) (string, error) {
	if address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return address.String(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	switch {
	case text == "":
		return "", errors.New("a host is empty; it must be a name like mc.example.com")
	case strings.Contains(name, "://"):
		return "", fmt.Errorf("%q is a URL; give only the host, without a scheme", text)
	case strings.Contains(name, "/"):
		return "", fmt.Errorf("%q has a path; give only the host", text)
	case strings.Contains(name, ":"):
		return "", fmt.Errorf("%q has a port; give only the host: it is allowed with any port", text)
	case strings.Contains(name, "*"):
		return "", fmt.Errorf("%q has a wildcard; give each host by its name", text)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.ContainsFunc(label, func(r rune) bool { return !hostRune(r) }) {
			return "", fmt.Errorf("%q is not a host name", text)
		}
	}
	if len(name) > maxHost {
		return "", fmt.Errorf("%.20q… is too long for a host name", text)
	}
	return name, nil
}
