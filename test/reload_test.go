package test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"missioncontrol/test/eventually"
	"missioncontrol/test/tlstest"
)

// Users, tokens and certificates count as soon as their files have changed, and at the
// latest on SIGHUP, which does not stop the supervisor.
func TestUsersTokensAndCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	auth(t, "add", "viewer", "ann", "--users", in("users.yaml"))
	tokenOf(t, in("tokens.yaml"), "first")
	authority := tlstest.New(t)
	install := func() {
		t.Helper()
		pair := authority.Server()
		must(t, os.Rename(pair.Cert, in("tls.pem")))
		must(t, os.Rename(pair.Key, in("tls.key")))
	}
	install()
	p := start(t, in("data"), "--users-file", in("users.yaml"), "--tokens-file", in("tokens.yaml"),
		"--listen-tls-cert", in("tls.pem"), "--listen-tls-key", in("tls.key"), "--http-tls-cert", in("tls.pem"), "--http-tls-key", in("tls.key"))
	before := serverCertificate(t, authority, p.HTTP)

	auth(t, "add", "operator", "bob", "--users", in("users.yaml"))
	second := tokenOf(t, in("tokens.yaml"), "second")
	install()
	awaitLog(t, p, "users, tokens and certificates were read again")
	must(t, p.Cmd.Process.Signal(syscall.SIGHUP))
	awaitStatus(t, authority, p.HTTP+"/api/supervisor/health", second, http.StatusOK)
	if after := serverCertificate(t, authority, p.HTTP); after.Equal(before) {
		t.Error("HTTPS has the old certificate")
	}
	stdout, stderr, code := run(t, nil, binary, "status", "--server", p.Broker, "--user", "bob", "--password-file", in("bob.password"), "--tlsca", authority.File)
	if code != 0 {
		t.Errorf("who was added: exit code %d: %s%s", code, stdout, stderr)
	}
	backUp(t, in("copy"), "--data-dir", in("data"))

	must(t, os.WriteFile(in("users.yaml"), []byte("users: ["), 0o600))
	awaitLog(t, p, "the previous ones stay")
	if stdout, stderr, code := run(t, nil, binary, "status", "--server", p.Broker, "--user", "ann", "--password-file", in("ann.password"), "--tlsca", authority.File); code != 0 {
		t.Errorf("after a file that cannot be read: exit code %d: %s%s", code, stdout, stderr)
	}
	p.stop()
}

// tokenOf adds a viewer's token and returns it.
func tokenOf(t *testing.T, file, name string) string {
	t.Helper()
	auth(t, "token", "viewer", name, "--tokens", file)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), name+".token"))
	must(t, err)
	return strings.TrimSpace(string(text))
}

func awaitLog(t *testing.T, p *supervisor, text string) {
	t.Helper()
	if !p.Logs.Await(func(log string) bool { return strings.Contains(log, text) }, p.Exited, testTimeout) {
		t.Fatalf("%q is not in the log:\n%s", text, p.Logs)
	}
}

func trusting(authority *tlstest.Authority) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, DisableKeepAlives: true}}
}

// serverCertificate returns the certificate of an HTTPS server.
func serverCertificate(t *testing.T, authority *tlstest.Authority, url string) *x509.Certificate {
	t.Helper()
	reply, err := trusting(authority).Get(url + "/healthz")
	must(t, err)
	must(t, reply.Body.Close())
	return reply.TLS.PeerCertificates[0]
}

// awaitStatus waits until a request with a token is answered with a status.
func awaitStatus(t *testing.T, authority *tlstest.Authority, url, token string, want int) {
	t.Helper()
	var status string
	eventually.Holds(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		must(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		reply, err := trusting(authority).Do(request)
		must(t, err)
		must(t, reply.Body.Close())
		status = reply.Status
		return reply.StatusCode == want
	}, func() string { return url + " is answered with " + status })
}
