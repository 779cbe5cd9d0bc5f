package eventstream_test

import (
	"strings"
	"testing"

	"missioncontrol/eventstream"
)

// NATS accepts URLs without a scheme, too.
func TestSecretsInURLsAreRedacted(t *testing.T) {
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
		if got := eventstream.RedactURLs(url); got != want {
			t.Errorf("%s is shown as %s, want %s", url, got, want)
		}
		if one := eventstream.RedactURL(url); strings.Contains(one, "geheim") {
			t.Errorf("%s is shown as %s", url, one)
		}
	}
	if got := eventstream.RedactURL("redis://u:ge,heim@h:1"); got != "redis://***@h:1" {
		t.Errorf("a password with a comma is shown as %s", got)
	}
}
