package serve

import (
	"crypto/tls"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/config"
)

// warnOfExposure warns about addresses that are open to clients that are not signed in,
// or that are not encrypted.
func (h *instance) warnOfExposure() {
	cfg := &h.cfg
	for _, listener := range []struct {
		address            string
		guarded, encrypted bool
	}{
		{cfg.Listen, cfg.Access != nil || verifies(cfg.ListenTLS), cfg.ListenTLS != nil},
		{cfg.HTTP, cfg.Guard.Tokens != nil || verifies(cfg.Guard.TLS), cfg.Guard.TLS != nil},
	} {
		switch {
		case listener.address == "off" || listener.address == cfg.Listen && h.broker == nil || !config.Reachable(listener.address):
		case !listener.guarded:
			h.log.Warn("INSECURE: everyone who can reach this address can do everything, because --insecure is set", "address", listener.address)
		case !listener.encrypted:
			h.log.Warn("traffic to this address, including passwords and tokens, is not encrypted; add a TLS certificate", "address", listener.address)
		}
	}
}

// verifies reports whether clients must show a certificate.
func verifies(config *tls.Config) bool {
	return config != nil && config.ClientAuth == tls.RequireAndVerifyClientCert
}

// signIn returns the options of the supervisor's own connections to the broker.
func (h *instance) signIn() []nats.Option {
	if h.broker != nil {
		return h.broker.SignIn()
	}
	return h.cfg.NATS
}
