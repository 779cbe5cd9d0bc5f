package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// oldest is the oldest Redis that the scripts run on.
const oldest = 7

// suits checks every Redis that may hold a part of the data set.
func suits(ctx context.Context, client redis.UniversalClient, log *slog.Logger) error {
	nodes, ok := client.(*redis.ClusterClient)
	if !ok {
		return suit(ctx, client, log)
	}
	var one sync.Mutex // nodes are asked at once, and each may log
	reached := false
	var away error
	err := nodes.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		err := suit(ctx, node, log)
		one.Lock()
		defer one.Unlock()
		if network := (net.Error)(nil); errors.As(err, &network) { // the others may have what is needed
			log.Warn("a node of the Redis Cluster cannot be reached", "error", err)
			away = err
			return nil
		}
		reached = true
		return err
	})
	if err == nil && !reached {
		err = away
	}
	if err != nil && !errors.Is(err, ErrUnsuitable) && !errors.Is(err, ErrUnreachable) {
		return unreachable(err)
	}
	return err
}

// suit checks one Redis.
func suit(ctx context.Context, client redis.Cmdable, log *slog.Logger) error {
	says, err := information(ctx, client)
	if err != nil {
		return unreachable(err)
	}
	version := says["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	switch n, err := strconv.Atoi(major); {
	case err != nil || n < oldest:
		return fmt.Errorf("%w: it is Redis %s, but the store needs %d.0 or newer; upgrade it", ErrUnsuitable, version, oldest)
	case says["maxmemory_policy"] != "noeviction":
		return fmt.Errorf("%w: its maxmemory-policy is %s, which can delete missions; set it to noeviction",
			ErrUnsuitable, says["maxmemory_policy"])
	case says["role"] == "slave":
		return fmt.Errorf("%w: it is a read-only replica of %s:%s; give the master, or use a redis-sentinel:// or redis-cluster:// URL",
			ErrUnsuitable, says["master_host"], says["master_port"])
	}
	if says["aof_enabled"] != "1" {
		log.Warn("Redis keeps no append-only file: when it stops, everything since its last snapshot is lost; set appendonly yes")
	}
	return nil
}

// information asks Redis about itself.
func information(ctx context.Context, client redis.Cmdable) (map[string]string, error) {
	says := map[string]string{}
	for _, section := range []string{"server", "memory", "replication", "persistence"} {
		text, err := client.Info(ctx, section).Result()
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				says[name] = value
			}
		}
	}
	return says, nil
}

// oneLine is an error that has a line for each Sentinel.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", "; ") }
func (e oneLine) Unwrap() error { return e.error }

// unreachable says what to do about a Redis that does not answer.
func unreachable(err error) error {
	err = oneLine{err}
	var network net.Error
	switch {
	case redis.HasErrorPrefix(err, "NOAUTH"), redis.HasErrorPrefix(err, "WRONGPASS"), redis.HasErrorPrefix(err, "ERR AUTH"):
		return fmt.Errorf("%w: it rejects the sign-in (%w); check the user and password in the URL", ErrUnreachable, err)
	case errors.As(err, &network):
		return fmt.Errorf("%w: %w; start it, or choose another with --store", ErrUnreachable, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
