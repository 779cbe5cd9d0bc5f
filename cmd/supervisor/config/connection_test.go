package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestTheUsualBrokerCanBeStarted(t *testing.T) {
	t.Parallel()
	text := NotConnected(DefaultServer, nats.ErrNoServers).Error()
	equal(t, "advice", text, "no broker can be reached at nats://127.0.0.1:4222; start one with: supervisor, or name another with --server or --context")
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

// NATS accepts URLs without a scheme, too.
func TestPasswordsInURLsAreNotShown(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"nats://127.0.0.1:4222":              "nats://127.0.0.1:4222",
		"127.0.0.1:4222":                     "127.0.0.1:4222",
		"nats://u:geheim@h:1":                "nats://***@h:1",
		"u:geheim@h:1":                       "***@h:1",
		"geheim@h":                           "***@h",
		"nats:/u:geheim@h:1":                 "***@h:1",
		"nats://u:ge@heim@h:1":               "nats://***@h:1",
		"u:geheim://geheim@h:1":              "***@h:1",
		"nats://a:1,u:geheim@b:1":            "nats://a:1,***@b:1",
		"nats://u:geheim@a:1, v:geheim@b:1":  "nats://***@a:1,***@b:1",
		"nats://u:geheim@a:1,nats://b:1/@x":  "nats://***@a:1,nats://***@x",
		"nats://geheim@a:1,tls://geheim@b:1": "nats://***@a:1,tls://***@b:1",
	} {
		equal(t, url, RedactURLs(url), want)
		if one := RedactURL(url); strings.Contains(one, "geheim") {
			t.Errorf("%s is shown as %s", url, one)
		}
	}
}
