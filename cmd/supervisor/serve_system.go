package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/supervisor"
)

// connectSystem opens a connection to the broker's system account, which reports agents'
// connections. It always does so for the embedded broker, and for an external one if
// credentials are set. Only the detection of lost agents depends on it.
func (h *instance) connectSystem(context.Context) error {
	var err error
	switch {
	case h.broker != nil:
		h.system, err = h.broker.SystemConn(systemOptions()...)
	case h.cfg.SystemSignIn != nil:
		options := slices.Concat(h.cfg.NATS, []nats.Option{withoutCredentials}, h.cfg.SystemSignIn, systemOptions())
		if h.system, err = nats.Connect(withoutUsers(h.cfg.Server), options...); err != nil {
			err = fmt.Errorf("--server %s cannot be used for the system account: %w", redactURLs(h.cfg.Server), err)
		}
	default:
		h.log.Info("deaths of agents are noticed when their leases end; with --system-creds, or --system-user and --system-password, at once")
	}
	if h.system != nil {
		h.onStop(func(context.Context) error { h.system.Close(); return nil })
	}
	return err
}

func systemOptions() []nats.Option {
	return []nats.Option{
		nats.Name("supervisor:system"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.IgnoreAuthErrorAbort(), nats.PingInterval(5 * time.Second),
	}
}

// withoutUsers removes the users from URLs: they do not belong to the system account.
func withoutUsers(list string) string {
	urls := strings.Split(list, ",")
	for i, raw := range urls {
		if u, err := url.Parse(strings.TrimSpace(raw)); err == nil && u.User != nil {
			u.User = nil
			urls[i] = u.String()
		}
	}
	return strings.Join(urls, ",")
}

// connections returns the source of agents' connections; nil if there is none.
func (h *instance) connections() supervisor.Connections {
	if h.system == nil {
		return nil
	}
	return supervisor.NewNATSConnections(h.system, h.nc, h.log.With("part", "deaths"))
}

// syncInterval is how often the broker syncs acknowledged data to disk.
func (h *instance) syncInterval() time.Duration {
	if h.broker != nil {
		return embedded.DefaultSyncInterval
	}
	return h.cfg.BrokerSync
}

// system says how to sign in to the external broker's system account.
type system struct{ creds, nkey, user, password value }

// systemSettings returns the table of its settings.
func systemSettings() []setting {
	keep := func(field func(*system) *value) func(*settings, value) error {
		return func(s *settings, g value) error { *field(&s.system) = g; return nil }
	}
	return []setting{
		{key: "system_creds", placeholder: "FILE", private: true, help: "FILE with credentials for the external broker's system account, so that an agent's death is noticed at once",
			apply: keep(func(y *system) *value { return &y.creds })},
		{key: "system_nkey", placeholder: "FILE", private: true, help: "FILE with the nkey seed of a user of the system account",
			apply: keep(func(y *system) *value { return &y.nkey })},
		{key: "system_user", placeholder: "NAME", help: "NAME of a user of the system account",
			apply: keep(func(y *system) *value { return &y.user })},
		{key: "system_password", placeholder: "PASSWORD", help: "PASSWORD of the system account's user", secret: true,
			apply: keep(func(y *system) *value { return &y.password })},
		{key: "system_password_file", placeholder: "FILE", private: true, help: "FILE that holds nothing but that password",
			apply: fromFile(func(s *settings) *value { return &s.system.password })},
	}
}

// signIn returns the options that sign in, nil if nothing is set.
func (y *system) signIn(external bool) ([]nats.Option, error) {
	c := connection{creds: y.creds, nkey: y.nkey, user: y.user, password: y.password}
	if y.password.text != "" && y.user.text == "" {
		return nil, ui.Usagef("%s: a password needs a user; add --system-user NAME", y.password.where)
	}
	if y.user.text != "" && y.password.text == "" {
		return nil, ui.Usagef("%s: the system account's user needs a password; set SUPERVISOR_SYSTEM_PASSWORD", y.user.where)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if g, ok := c.credential(); ok && !external {
		return nil, ui.Usagef("%s is for an external broker, and none is named; the embedded one needs no credentials", g.where)
	}
	return c.signIn()
}
