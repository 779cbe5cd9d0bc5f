package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Location is where a data set is: what a URL says.
type Location struct {
	kind               kind
	addrs              []string
	master             string // of Sentinel
	user, password     string
	db                 int
	tls                *tls.Config
	prefix             string
	sentinelUser       string
	sentinelPassword   string
	Partitions         int // that the URL asks for, 0 for none
	withoutCredentials string
}

type kind int

const (
	single kind = iota
	sentinel
	cluster
)

// schemes are the URLs that are understood; those with TLS begin with rediss.
var schemes = map[string]kind{"redis": single, "redis-sentinel": sentinel, "redis-cluster": cluster}

// ParseURL reads the place of a data set:
//
//	redis://[USER:PASSWORD@]HOST[:6379][/DB]
//	redis-sentinel://[USER:PASSWORD@]HOST[:26379],HOST…/MASTER[/DB]
//	redis-cluster://[USER:PASSWORD@]HOST[:6379],HOST…
//
// and the same with rediss for TLS. A redis:// URL of a node of a cluster will do
// for the cluster. Parameters:
//
//	prefix=mc       the data set's name in its keys: 1 to 32 of A-Z a-z 0-9 _ -
//	partitions=N    with which it is created, or which it must have
//	ca=FILE         with TLS: the authorities that the server's certificate is checked against
//	cert=FILE&key=FILE   with TLS: our own certificate
//	sentinel_user=, sentinel_password=   for the Sentinels, where they ask
//
// The error is an [ErrURL]. It quotes nothing but the names of files: with a character that
// is not escaped, any other part can be one of a password.
func ParseURL(raw string) (Location, error) {
	refuse := func(format string, args ...any) (Location, error) {
		return Location{}, fmt.Errorf("%w: %s", ErrURL, fmt.Sprintf(format, args...))
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	kind, known := schemes[strings.Replace(scheme, "rediss", "redis", 1)]
	if !ok || !known {
		return refuse("it begins with none of redis://, redis-sentinel://, redis-cluster://, or the same with rediss")
	}
	// net/url takes one host: the list is taken out first.
	hosts, tail := rest, ""
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		hosts, tail = rest[:at], rest[at:]
	}
	credentials := ""
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		credentials, hosts = hosts[:at+1], hosts[at+1:]
	}
	u, err := url.Parse("redis://" + credentials + "host" + tail)
	if err != nil || strings.ContainsAny(tail, "@#") {
		return refuse("its user, password or path is malformed; characters such as / ? # and @ are written %%2F %%3F %%23 and %%40")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return refuse("its parameters are malformed; characters such as %% ; and & are written %%25 %%3B and %%26")
	}
	where := Location{kind: kind, user: u.User.Username()}
	where.password, _ = u.User.Password()
	if where.addrs, err = addresses(hosts, kind); err != nil {
		return refuse("%v", err)
	}
	if err := where.path(strings.Trim(u.Path, "/")); err != nil {
		return refuse("%v", err)
	}
	if err := where.parameters(query, strings.HasPrefix(scheme, "rediss")); err != nil {
		return refuse("%v", err)
	}
	where.withoutCredentials = scheme + "://" + hosts + u.EscapedPath()
	return where, nil
}

// String is the URL as it may be shown.
func (l Location) String() string { return l.withoutCredentials }

func addresses(list string, of kind) ([]string, error) {
	port := "6379"
	if of == sentinel {
		port = "26379"
	}
	var addrs []string
	for host := range strings.SplitSeq(list, ",") {
		if host == "" {
			return nil, fmt.Errorf("it has no host")
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		_, port, err := net.SplitHostPort(host)
		if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("its host is not an address like 127.0.0.1:6379")
		}
		addrs = append(addrs, host)
	}
	if of == single && len(addrs) > 1 {
		return nil, fmt.Errorf("it has several hosts; use redis-cluster:// for a cluster, redis-sentinel:// for Sentinel")
	}
	return addrs, nil
}

func (l *Location) path(path string) error {
	db := path
	switch l.kind {
	case sentinel:
		l.master, db, _ = strings.Cut(path, "/")
		if l.master == "" {
			return fmt.Errorf("it has no master; write it like redis-sentinel://HOST/MASTER")
		}
	case cluster:
		if path != "" {
			return fmt.Errorf("a cluster has no numbered databases; omit the path, and use prefix= to separate data sets")
		}
	}
	if db == "" {
		return nil
	}
	n, err := strconv.Atoi(db)
	if err != nil || n < 0 {
		return fmt.Errorf("the part after the / is not the number of a database")
	}
	l.db = n
	return nil
}

// defaultPrefix begins the names of all keys.
const defaultPrefix = "mc"

func (l *Location) parameters(query url.Values, secure bool) error {
	l.prefix = defaultPrefix
	var ca, cert, key string
	texts := map[string]*string{"prefix": &l.prefix, "ca": &ca, "cert": &cert, "key": &key,
		"sentinel_user": &l.sentinelUser, "sentinel_password": &l.sentinelPassword}
	for name, values := range query {
		value := values[len(values)-1]
		if text, ok := texts[name]; ok {
			*text = value
			continue
		}
		if name != "partitions" {
			return fmt.Errorf("it has an unknown parameter; the parameters are prefix, partitions, ca, cert, key, sentinel_user, sentinel_password")
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > MaxPartitions {
			return fmt.Errorf("partitions is not a number from 1 to %d", MaxPartitions)
		}
		l.Partitions = n
	}
	if len(l.prefix) > 32 || strings.Trim(l.prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" || l.prefix == "" {
		return fmt.Errorf("prefix is not 1 to 32 of A-Z a-z 0-9 _ -")
	}
	if !secure {
		if ca+cert+key != "" {
			return fmt.Errorf("ca, cert and key are for TLS; use a scheme that begins with rediss")
		}
		return nil
	}
	return l.secure(ca, cert, key)
}

// secure reads what TLS needs.
func (l *Location) secure(ca, cert, key string) error {
	l.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca) //nolint:gosec // the operator names the file
		if err != nil {
			return fmt.Errorf("ca: %w", err)
		}
		l.tls.RootCAs = x509.NewCertPool()
		if !l.tls.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("ca: %s contains no certificate", ca)
		}
	}
	if (cert == "") != (key == "") {
		return fmt.Errorf("cert and key are needed together")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("cert and key: %w", err)
		}
		l.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// connect returns a client. It may find a cluster behind a single node's URL.
func (l Location) connect(ctx context.Context, timeout time.Duration) (redis.UniversalClient, error) {
	const never = -1
	quiet.Do(func() { redis.SetLogger(toDebug{}) })
	switch l.kind {
	case sentinel:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: l.master, SentinelAddrs: l.addrs, SentinelUsername: l.sentinelUser, SentinelPassword: l.sentinelPassword,
			Username: l.user, Password: l.password, DB: l.db, TLSConfig: l.tls, MaxRetries: never,
			DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolSize: poolSize, DialerRetries: 1,
		}), nil
	case cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: l.addrs, Username: l.user, Password: l.password, TLSConfig: l.tls,
			DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolSize: poolSize, DialerRetries: 1,
		}), nil
	}
	client := redis.NewClient(&redis.Options{
		Addr: l.addrs[0], Username: l.user, Password: l.password, DB: l.db, TLSConfig: l.tls, MaxRetries: never,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolSize: poolSize, DialerRetries: 1,
	})
	info, err := client.Info(ctx, "cluster").Result()
	if err != nil || !strings.Contains(info, "cluster_enabled:1") {
		return client, nil //nolint:nilerr // whoever uses the client first tells what is wrong
	}
	if l.db != 0 {
		return client, fmt.Errorf("%w: %s is a node of a cluster, which has no database %d", ErrURL, l, l.db)
	}
	_ = client.Close() // nothing is under way
	l.kind = cluster
	return l.connect(ctx, timeout)
}

// poolSize is how many connections to one Redis there may be. Few are needed:
// callers share scripts.
const poolSize = 32

// quiet turns the client library's own log, which is the whole process', to where
// it disturbs nobody: what matters of it comes back to us as an error.
var quiet sync.Once

type toDebug struct{}

// Printf implements the library's logger.
func (toDebug) Printf(ctx context.Context, format string, v ...any) {
	slog.Default().DebugContext(ctx, "redis client", "says", fmt.Sprintf(format, v...))
}
