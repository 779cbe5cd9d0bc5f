package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/serve"
)

// guardedBroker runs a broker that accepts only the users in its options.
func guardedBroker(t *testing.T, options *server.Options) string {
	t.Helper()
	options.Host, options.Port, options.NoSigs, options.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	b, err := server.NewServer(options)
	must(t, err)
	b.Start()
	t.Cleanup(func() {
		b.Shutdown()
		b.WaitForShutdown()
	})
	if !b.ReadyForConnections(testTimeout) {
		t.Fatal("the broker did not start")
	}
	return b.ClientURL()
}

// runIn runs a command with the given environment.
func runIn(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := newCall(env).start(t, args...)
	code = c.wait(t)
	return code, c.out.String(), c.err.String()
}

// noSupervisor is a command's error when it can connect but no supervisor answers.
const noSupervisor = "no supervisor answers on this broker"

func TestWaysToSignIn(t *testing.T) {
	t.Parallel()
	pair, err := nkeys.CreateUser()
	must(t, err)
	seed, err := pair.Seed()
	must(t, err)
	public, err := pair.PublicKey()
	must(t, err)
	seedFile := filepath.Join(t.TempDir(), "user.nk")
	must(t, os.WriteFile(seedFile, seed, 0o600))
	url := guardedBroker(t, &server.Options{
		Users: []*server.User{{Username: "mary", Password: "secret"}}, Nkeys: []*server.NkeyUser{{Nkey: public}},
	})
	tokenURL := guardedBroker(t, &server.Options{Authorization: "s3same"})

	for name, c := range map[string]struct {
		env  map[string]string
		args []string
	}{
		"flags":               {nil, []string{"-s", url, "--user", "mary", "--password", "secret"}},
		"environment":         {map[string]string{"NATS_URL": url, "NATS_USER": "mary", "NATS_PASSWORD": "secret"}, nil},
		"password from env":   {map[string]string{"NATS_PASSWORD": "secret"}, []string{"-s", url, "--user", "mary"}},
		"URL":                 {nil, []string{"--server", strings.Replace(url, "nats://", "nats://mary:secret@", 1)}},
		"nkey":                {nil, []string{"-s", url, "--nkey", seedFile}},
		"nkey over a user":    {map[string]string{"NATS_USER": "joe", "NATS_PASSWORD": "x"}, []string{"-s", url, "--nkey", seedFile}},
		"nkey in env":         {map[string]string{"NATS_URL": url, "NATS_NKEY": seedFile}, nil},
		"token":               {nil, []string{"-s", tokenURL, "--token", "s3same"}},
		"token as a user":     {nil, []string{"-s", tokenURL, "--user", "s3same"}},
		"token in env":        {map[string]string{"NATS_TOKEN": "s3same"}, []string{"-s", tokenURL}},
		"flag before command": {nil, []string{"-s", url, "--user", "mary", "--password", "secret"}},
	} {
		args := append([]string{"health"}, c.args...)
		if name == "flag before command" {
			args = append(c.args, "health")
		}
		if code, _, stderr := runIn(t, c.env, args...); code != 1 || !strings.Contains(stderr, noSupervisor) {
			t.Errorf("%s: exit code %d, %s", name, code, stderr)
		}
	}

	code, _, stderr := runIn(t, nil, "health", "-s", url, "--user", "mary", "--password", "wr0ng")
	equal(t, "exit code", code, 1)
	contains(t, stderr, "rejects the sign-in", "check --creds, --user or --context", url)
	if strings.Contains(stderr, "wr0ng") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a password, or more than a line: %q", stderr)
	}
}

func TestMistakesInTheConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{1, "cannot reach a broker at nats://***@127.0.0.1:1; choose another with --server or --context, " +
			"or ask the supervisor over HTTP, which works without a broker: supervisor health --http ADDRESS",
			[]string{"-s", "nats://mary:secret@127.0.0.1:1"}},
		{2, "--server: URL http://127.0.0.1:1 is an HTTP address; give the broker's NATS address, such as nats://127.0.0.1:4222", []string{"-s", "http://127.0.0.1:1"}},
		{2, `--server: URL ftp://127.0.0.1:1 has scheme "ftp"; use nats, tls, ws or wss`, []string{"-s", "ftp://127.0.0.1:1"}},
		{2, "--creds: /does/not/exist cannot be read: no such file or directory", []string{"--creds", "/does/not/exist"}},
		{2, "--tlsca: / is a directory", []string{"--tlsca", "/"}},
		{2, "--nkey: connection_test.go does not contain an nkey seed", []string{"-s", "nats://127.0.0.1:1", "--nkey", "connection_test.go"}},
		{2, "--password: a password needs a user; add --user NAME", []string{"--password", "secret"}},
		{2, "--tlscert and --tlskey are needed together", []string{"--tlscert", "connection_test.go"}},
		{2, "--user and --token are alternative ways to sign in; give only one", []string{"--user", "a", "--token", "b"}},
	} {
		code, _, stderr := runIn(t, nil, append([]string{"status"}, c.args...)...)
		if code != c.code || stderr != "supervisor: "+c.want+"\n" {
			t.Errorf("%v: exit code %d, %q", c.args, code, stderr)
		}
	}
}

// An HTTP server waits for the client to speak, and a client of a broker for the broker:
// without more, each waits for the other one.
func TestAnHTTPAddressIsNoBroker(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), slog.LevelError)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, mail.Close()) })
	go func() {
		for {
			conn, err := mail.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 mail.example.org ESMTP\r\n")
			_ = conn.Close()
		}
	}()
	http1, http2 := plain.Listener.Addr().String(), secure.Listener.Addr().String()
	const advice = ": that is an HTTP address; give the broker's NATS address, such as nats://127.0.0.1:4222\n"
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "cannot connect to a broker at " + http1 + advice, []string{"status", "-s", http1}},
		{2, "cannot connect to a broker at nats://" + http2 + advice, []string{"missions", "list", "-s", "nats://" + http2}},
		{2, "cannot connect to a broker at tls://" + http2 + advice, []string{"events", "-s", "tls://" + http2}},
		{2, "cannot connect to a broker at " + http1 + advice, []string{"agent", "run", "--type", "a", "-s", http1, "--", "cat"}},
		{1, "cannot connect to a broker at " + mail.Addr().String() + ": what answers there does not speak NATS\n", []string{"status", "-s", mail.Addr().String()}},
	} {
		code, _, stderr := runIn(t, nil, c.args...)
		if code != c.code || stderr != "supervisor: "+c.want {
			t.Errorf("%v: exit code %d, %q", c.args, code, stderr)
		}
	}
}

// loadServe reads the settings of serve from arguments.
func loadServe(t *testing.T, args ...string) (config.Settings, error) {
	t.Helper()
	cmd := serve.Command(newCall(nil).cli.Console)
	must(t, cmd.ParseFlags(args))
	return config.LoadServe(cmd.Flags(), newCall(nil).cli.LookupEnv, version())
}

// writeContext writes a context of the nats CLI.
func writeContext(t *testing.T, home, name, text string) {
	t.Helper()
	dir := filepath.Join(home, "nats", "context")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, name+".json"), []byte(text), 0o600))
}

func TestContextsOfTheNATSCLI(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	url := guardedBroker(t, &server.Options{Users: []*server.User{{Username: "mary", Password: "secret"}, {Username: "joe", Password: "other"}}})
	writeContext(t, home, "right", fmt.Sprintf(`{"url":%q,"user":"mary","password":"secret"}`, url))
	writeContext(t, home, "wrong", fmt.Sprintf(`{"url":%q,"user":"mary","password":"guess"}`, url))
	writeContext(t, home, "nowhere", `{"url":"nats://127.0.0.1:1","user":"mary","password":"secret"}`)

	in := func(env map[string]string, want string, args ...string) {
		t.Helper()
		if _, _, stderr := runIn(t, env, append([]string{"health"}, args...)...); !strings.Contains(stderr, want) {
			t.Errorf("%v %v: %s", env, args, stderr)
		}
	}
	in(nil, noSupervisor, "--context", "right")
	in(map[string]string{"NATS_CONTEXT": "right"}, noSupervisor)
	in(map[string]string{"NATS_CONTEXT": "wrong"}, noSupervisor, "--context", "right")
	in(nil, noSupervisor, "--context", filepath.Join(home, "nats", "context", "right.json"))
	in(nil, "rejects the sign-in", "--context", "wrong")
	in(nil, noSupervisor, "--context", "nowhere", "-s", url)
	in(nil, noSupervisor, "--context", "wrong", "--user", "joe", "--password", "other")
	in(nil, `--context: cannot use the context none: unknown context "none"; see: nats context ls`, "--context", "none")

	must(t, os.WriteFile(filepath.Join(home, "nats", "context.txt"), []byte("right\n"), 0o600))
	in(nil, noSupervisor)
	in(map[string]string{"NATS_URL": "nats://127.0.0.1:1"}, "cannot reach a broker at nats://127.0.0.1:1")
	must(t, os.WriteFile(filepath.Join(home, "nats", "context.txt"), []byte("gone\n"), 0o600))
	in(nil, "cannot use the selected context of the nats CLI")

	_, completions, _ := runIn(t, nil, "__complete", "health", "--context", "")
	contains(t, completions, "nowhere\nright\nwrong\n:")

	// serve accepts a context, too, but never uses the selected one.
	s, err := loadServe(t, "--context", "right")
	must(t, err)
	nc, err := nats.Connect(s.Server, s.NATS...)
	must(t, err)
	equal(t, "connected to", nc.ConnectedUrl(), url)
	nc.Close()
	s, err = loadServe(t)
	must(t, err)
	equal(t, "server without a context", s.Server, "")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile := selfSigned(t)
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	url := guardedBroker(t, &server.Options{TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}, TLSTimeout: 10})

	all := []string{"health", "-s", url, "--tlsca", certFile, "--tlscert", certFile, "--tlskey", keyFile}
	if _, _, stderr := runIn(t, nil, all...); !strings.Contains(stderr, noSupervisor) {
		t.Errorf("with everything: %s", stderr)
	}
	env := map[string]string{"NATS_URL": url, "NATS_CA": certFile, "NATS_CERT": certFile, "NATS_KEY": keyFile}
	if _, _, stderr := runIn(t, env, "health"); !strings.Contains(stderr, noSupervisor) {
		t.Errorf("from the environment: %s", stderr)
	}
	code, _, stderr := runIn(t, nil, "health", "-s", url)
	equal(t, "exit code", code, 1)
	contains(t, stderr, "cannot make a TLS connection", "--tlsca")
}

// selfSigned creates a certificate that is its own authority.
func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyBytes}), 0o600))
	return certFile, keyFile
}

func TestWhatTheBrokerForbidsIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	url := guardedBroker(t, &server.Options{Users: []*server.User{{
		Username: "viewer", Password: "v",
		Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"supervisor.status"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		},
	}}})
	code, _, stderr := runIn(t, nil, "missions", "cancel", "m1", "-s", url, "--user", "viewer", "--password", "v")
	equal(t, "exit code", code, 1)
	contains(t, stderr, "the broker does not allow this user to do that", "supervisor.missions.cancel")
	if strings.Count(stderr, "\n") != 1 {
		t.Errorf("more than a line: %q", stderr)
	}
}

// emptyBroker accepts every client.
func emptyBroker() *server.Options { return &server.Options{} }
