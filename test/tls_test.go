package test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"missioncontrol/test/tlstest"
)

// Broker and HTTP, both with certificates on both sides, from the command line.
func TestTLSOfTheBrokerAndOfHTTP(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	server, client := authority.Server(), authority.Client()
	g := guardEmbedded(t)
	p := g.start(
		"--listen-tls-cert", server.Cert, "--listen-tls-key", server.Key, "--listen-tls-client-ca", authority.File,
		"--http-tls-cert", server.Cert, "--http-tls-key", server.Key, "--http-tls-client-ca", authority.File)
	trusting := []string{"--tlsca", authority.File}
	shown := append([]string{"--tlscert", client.Cert, "--tlskey", client.Key}, trusting...)
	for name, c := range map[string]struct {
		args []string
		in   bool
	}{
		"all that it takes":    {shown, true},
		"no certificate":       {trusting, false},
		"an authority unknown": {nil, false},
	} {
		stdout, stderr, code := g.command("viewer", append([]string{"status"}, c.args...)...)
		if (code == 0) != c.in || !c.in && !strings.Contains(stderr, "--tlsca") {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
	}
	stdout, stderr, code := run(t, nil, "nats", append(append(g.natsFlags("viewer"), shown...), "req", "--raw", "supervisor.health", "")...)
	if code != 0 || !strings.Contains(stdout, `"status":`) {
		t.Errorf("nats req: exit code %d\n%s%s", code, stdout, stderr)
	}
	pair, err := tls.LoadX509KeyPair(client.Cert, client.Key)
	must(t, err)
	for name, c := range map[string]struct {
		certs []tls.Certificate
		in    bool
	}{"with a certificate": {[]tls.Certificate{pair}, true}, "without": {nil, false}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), Certificates: c.certs}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.HTTP+"/healthz", http.NoBody)
		must(t, err)
		reply, err := transport.RoundTrip(request)
		if err == nil {
			must(t, reply.Body.Close())
		}
		if (err == nil) != c.in {
			t.Errorf("HTTPS %s: %v", name, err)
		}
		transport.CloseIdleConnections()
	}
	p.stop()
}

// Open access must be requested explicitly, and is also logged.
func TestInsecureIsSaidAloud(t *testing.T) {
	t.Parallel()
	_, stderr, code := run(t, nil, binary, "serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--http", "0.0.0.0:0")
	if code != 2 || !strings.Contains(stderr, "--http 0.0.0.0:0 can be reached from other machines") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	p := start(t, t.TempDir(), "--http", "0.0.0.0:0", "--insecure")
	p.stop()
	if logs := p.Logs.String(); strings.Count(logs, "INSECURE") != 1 || !strings.Contains(logs, "address=0.0.0.0:0") {
		t.Errorf("the log does not say once what is open:\n%s", logs)
	}
}
