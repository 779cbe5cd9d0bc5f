package main

import (
	"crypto/tls"

	"github.com/nats-io/nats.go"
)

// warnOfStrangers says aloud what an address is open to.
func (h *house) warnOfStrangers() {
	cfg := &h.cfg
	for _, door := range []struct {
		address            string
		guarded, encrypted bool
	}{
		{cfg.Listen, cfg.Access != nil || verifies(cfg.ListenTLS), cfg.ListenTLS != nil},
		{cfg.HTTP, cfg.Guard.Tokens != nil || verifies(cfg.Guard.TLS), cfg.Guard.TLS != nil},
	} {
		switch {
		case door.address == "off" || door.address == cfg.Listen && h.broker == nil || !reachable(door.address):
		case !door.guarded:
			h.log.Warn("INSECURE: whoever can reach this address may do everything; --insecure was given", "address", door.address)
		case !door.encrypted:
			h.log.Warn("what is sent to this address, passwords and tokens included, can be read on its way; add a TLS certificate", "address", door.address)
		}
	}
}

// verifies reports whether clients have to show a certificate.
func verifies(config *tls.Config) bool {
	return config != nil && config.ClientAuth == tls.RequireAndVerifyClientCert
}

// signIn returns the options of the supervisor's own connections to the broker.
func (h *house) signIn() []nats.Option {
	if h.broker != nil {
		return h.broker.SignIn()
	}
	return h.cfg.NATS
}
