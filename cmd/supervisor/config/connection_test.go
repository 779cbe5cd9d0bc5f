package config

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestTheUsualBrokerCanBeStarted(t *testing.T) {
	t.Parallel()
	text := NotConnected(DefaultServer, nats.ErrNoServers).Error()
	equal(t, "advice", text, "cannot reach a broker at nats://127.0.0.1:4222; start one with: supervisor, or choose another with --server or --context")
}

// Over TLS 1.3 a broker reports a missing client certificate after the handshake, or
// closes the connection before the report can be read.
func TestARefusedHandshakeNamesTheFlags(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{
		"remote error: tls: certificate required",
		"nats: tls error: connection closed by remote after TLS handshake: write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe",
		"x509: certificate signed by unknown authority",
	} {
		contains(t, NotConnected("nats://h:1", errors.New(reason)).Error(), reason, "check --tlsca, --tlscert and --tlskey")
	}
}
