package redisstore_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for url, shown := range map[string]string{
		"redis://h":            "redis://h",
		"redis://u:p@h:6380/2": "redis://h:6380/2",
		"rediss://:p%40ss@h?prefix=a_b-C&partitions=4": "rediss://h",
		"redis-sentinel://u:p@a,b:26380,c/main/1":      "redis-sentinel://a,b:26380,c/main/1",
		"rediss-cluster://a,b,[::1]:7000":              "rediss-cluster://a,b,[::1]:7000",
	} {
		where, err := redisstore.ParseURL(url)
		if err != nil || where.String() != shown {
			t.Errorf("%s is shown as %q (%v), want %q", url, where, err, shown)
		}
	}
	where, err := redisstore.ParseURL("redis://h?partitions=4")
	if err != nil || where.Partitions != 4 {
		t.Errorf("partitions=4 is read as %d (%v)", where.Partitions, err)
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                              "begins with none of",
		"http://h":                      "begins with none of",
		"redis://":                      "has no host",
		"redis://a,b":                   "several hosts",
		"redis://h:port":                "not an address",
		"redis://h:70000":               "not an address",
		"redis://h/x":                   "not the number of a database",
		"redis://h/-1":                  "not the number of a database",
		"redis://h?prefx=a":             "unknown parameter; the parameters are prefix",
		"redis://h?prefix=a:b":          "prefix is not",
		"redis://h?prefix=":             "prefix is not",
		"redis://h?partitions=0":        "partitions is not",
		"redis://h?partitions=2000":     "partitions is not",
		"redis://h?ca=/etc/ca.pem":      "begins with rediss",
		"rediss://h?ca=/nonexistent":    "no such file",
		"rediss://h?cert=/etc/hostname": "needed together",
		"redis-sentinel://h":            "has no master",
		"redis-cluster://h/1":           "no numbered databases",
		"redis://u:12/secret@h":         "%2F",
		"redis://u:12?secret@h":         "%3F",
		"redis://u:12?prefix=secret@h":  "%40",
		"rediss://u:12?ca=secret@h":     "%40",
		"redis://u:12#secret@h":         "%23",
		"redis://u:p@12#secret@h":       "%23",
		"redis://u:p@ss/secret@h":       "%2F",
		"redis://u:p@ss/secret":         "not the number of a database",
		"redis-cluster://u:p@ss/secret": "no numbered databases",
		"redis://user:secret":           "not an address",
		"redis://secret:p@h:x":          "not an address",
		"redis://h?secret=1":            "unknown parameter",
		"redis-sentinel://h/m?sentinel_password=a&secret":  "unknown parameter",
		"redis-sentinel://h/m?sentinel_password=a;secret":  "%3B",
		"redis-sentinel://h/m?sentinel_password=%zzsecret": "%25",
		"redis://u:sec%zzret@h":                            "malformed",
		"redis://user:secret@h?prefix=a%20b":               "prefix is not",
		"redis://user:secret@h:70000/0":                    "not an address",
		"redis-sentinel://user:secret@h:1,2:x":             "not an address",
	} {
		_, err := redisstore.ParseURL(url)
		if !errors.Is(err, redisstore.ErrURL) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", url, err)
		}
	}
}

// wantOpenError opens a store that is to be refused.
func wantOpenError(t *testing.T, cfg redisstore.Config, want error, words string) {
	t.Helper()
	cfg.Logger = silent()
	s, err := redisstore.Open(context.Background(), cfg)
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), words) {
		t.Errorf("error is %v, want %v with %q", err, want, words)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
}

func TestOpenRefusesWhatDoesNotSuit(t *testing.T) {
	t.Parallel()
	evicting := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	wantOpenError(t, redisstore.Config{URL: evicting.URL()}, redisstore.ErrUnsuitable, "set it to noeviction")

	master := redistest.Start(t, "--requirepass", "secret")
	_, port, _ := net.SplitHostPort(master.Addr)
	replica := redistest.Start(t, "--replicaof", "127.0.0.1 "+port)
	wantOpenError(t, redisstore.Config{URL: replica.URL()}, redisstore.ErrUnsuitable, "replica of 127.0.0.1:"+port)
	wantOpenError(t, redisstore.Config{URL: master.URL()}, redisstore.ErrUnreachable, "rejects the sign-in")
	wantOpenError(t, redisstore.Config{URL: "redis://:wrong@" + master.Addr}, redisstore.ErrUnreachable, "rejects the sign-in")
	mustOpen(t, redisstore.Config{URL: "redis://:secret@" + master.Addr})

	wantOpenError(t, redisstore.Config{URL: "redis://127.0.0.1:1", Timeout: time.Second}, redisstore.ErrUnreachable, "start it, or choose another")
}

func TestOpenRefusesAnOldRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	old := rewriting(t, server.Addr, "redis_version:7.", "redis_version:6.")
	wantOpenError(t, redisstore.Config{URL: "redis://" + old}, redisstore.ErrUnsuitable, "needs 7.0 or newer")
}

func TestOpenRefusesAnotherDataSet(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	first := mustOpen(t, redisstore.Config{URL: server.URL(), Partitions: 2})
	wantOpenError(t, redisstore.Config{URL: server.URL(), Partitions: 3}, redisstore.ErrPartitions, "created with 2, not 3")
	wantOpenError(t, redisstore.Config{URL: server.URL() + "?partitions=1"}, redisstore.ErrPartitions, "created with 2, not 1")
	second := mustOpen(t, redisstore.Config{URL: server.URL()})
	if first.Identity() != second.Identity() || len(second.Outboxes()) != 1 {
		t.Errorf("the second store has identity %s and %d outboxes, want %s and 1", second.Identity(), len(second.Outboxes()), first.Identity())
	}
	for schema, want := range map[int]error{2: redisstore.ErrOlderSchema, 5: redisstore.ErrNewerSchema} {
		if err := server.Client().HSet(context.Background(), "{mc:0}:meta", "schema", schema).Err(); err != nil {
			t.Fatal(err)
		}
		wantOpenError(t, redisstore.Config{URL: server.URL()}, want, fmt.Sprintf("schema %d, but this version knows schema 4", schema))
	}
}

func TestOpenWarnsWhenNothingIsPersisted(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]bool{"yes": false, "no": true} {
		var log bytes.Buffer
		server := redistest.Start(t, "--appendonly", setting)
		mustOpen(t, redisstore.Config{URL: server.URL(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if got := strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), "append-only"); got != want {
			t.Errorf("appendonly %s: the log says %q", setting, log.String())
		}
	}
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	for _, cfg := range []redisstore.Config{
		{URL: "redis://h", OutboxLimit: -1}, {URL: "redis://h", Partitions: -1}, {URL: "redis://h", Partitions: 1025},
		{URL: "redis://h", Timeout: 1},
	} {
		if _, err := redisstore.Open(context.Background(), cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

func TestTwoDataSetsOnOneRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	a := mustOpen(t, redisstore.Config{URL: server.URL()})
	b := mustOpen(t, redisstore.Config{URL: server.URL() + "?prefix=other"})
	create(t, a, "only-in-a")
	if _, err := b.Get(t.Context(), "only-in-a"); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("the other data set says %v", err)
	}
	if a.Identity() == b.Identity() {
		t.Error("two data sets have one identity")
	}
}

// rewriting is a Redis behind a proxy that changes a text in its answers to another
// of the same length.
func rewriting(t *testing.T, addr, from, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		var pairs []net.Conn
		for {
			in, err := l.Accept()
			if err != nil {
				break
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				break
			}
			pairs = append(pairs, in, out)
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() {
				defer func() { _ = in.Close() }()
				buf := make([]byte, 64<<10)
				for {
					n, err := out.Read(buf)
					if _, writing := in.Write(bytes.ReplaceAll(buf[:n], []byte(from), []byte(to))); err != nil || writing != nil {
						return
					}
				}
			}()
		}
		for _, c := range pairs {
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, cert, key := certificate(t, dir)
	port := redistest.FreePort(t)
	server := redistest.Start(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", ca, "--tls-auth-clients", "yes")
	addr := "127.0.0.1:" + port
	s := mustOpen(t, redisstore.Config{URL: "rediss://" + addr + "?ca=" + ca + "&cert=" + cert + "&key=" + key})
	create(t, s, "m")
	plain := mustOpen(t, redisstore.Config{URL: server.URL()})
	if _, err := plain.Get(t.Context(), "m"); err != nil {
		t.Error(err)
	}
	wantOpenError(t, redisstore.Config{URL: "rediss://" + addr}, redisstore.ErrUnreachable, "certificate")
	wantOpenError(t, redisstore.Config{URL: "rediss://" + addr + "?ca=" + ca}, redisstore.ErrUnreachable, "certificate required")
}

// certificate makes a certificate for 127.0.0.1 that is its own authority.
func certificate(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert = write("cert.pem", "CERTIFICATE", der)
	return cert, cert, write("key.pem", "PRIVATE KEY", secret)
}
