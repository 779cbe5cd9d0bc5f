package config

import (
	"slices"
	"time"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/credentials"
)

// table returns every setting, in the order of the flags in help. Reading them stores the
// values in s; those without set stand in s.values alone.
func (s *Settings) table() []setting {
	return slices.Concat(s.ownSettings(), s.alertSettings(), s.accessSettings(), connectionSettings(), systemSettings(), s.fileSettings())
}

// clientTable returns the settings of the commands that talk to a supervisor, which are
// named as in the nats CLI.
func clientTable() []setting {
	table := connectionSettings()
	for i := range table {
		if help := table[i].clientHelp; help != "" {
			table[i].help = help
		}
	}
	return table
}

func (s *Settings) ownSettings() []setting {
	return []setting{
		{key: "store", placeholder: "STORE", set: to(&s.Store, checked(checkStore)), help: "keep missions in STORE: sqlite:PATH, or a Redis URL; default: a file in --data-dir"},
		{key: "store_file", placeholder: "FILE", private: true, holds: "store", help: "read STORE from FILE, for a URL with a password"},
		{key: "data_dir", placeholder: "DIR", fallback: DefaultDataDir(), set: to(&s.DataDir, checked(checkNotEmpty)), help: "keep all local data in DIR"},
		{key: "listen", placeholder: "ADDRESS", fallback: "127.0.0.1:4222", set: to(&s.Listen, checked(checkAddress)), help: "ADDRESS on which the embedded broker listens, unless --server is given"},
		{key: "http", placeholder: "ADDRESS", fallback: "127.0.0.1:8080", set: to(&s.HTTP, checked(checkHTTP)), help: "ADDRESS on which HTTP listens (dashboard, API, metrics), or off"},
		{key: "advertise", placeholder: "URL", set: to(&s.Advertise, checked(checkAdvertise)),
			help: "URL at which other supervisors on the same Redis reach this one while the broker is down; default: that of --http, unless it listens on all addresses"},
		{key: "log_format", placeholder: "FORMAT", fallback: "text", set: to(&s.LogFormat, word("text", "json")), help: "FORMAT of the log: text or json"},
		{key: "log_level", placeholder: "LEVEL", fallback: "info", set: to(&s.LogLevel, logLevel), help: "lowest LEVEL to log: debug, info, warn or error"},
		{key: "lease", placeholder: "DURATION", fallback: "10s", set: to(&s.Lease, duration(20*time.Millisecond, ui.Day)), help: "DURATION after which a lease expires unless the agent renews it"},
		{key: "heartbeat", placeholder: "DURATION", fallback: "3s", set: to(&s.Heartbeat, duration(10*time.Millisecond, ui.Day)), help: "DURATION between an agent's heartbeats"},
		{key: "grace", placeholder: "DURATION", fallback: "500ms", set: to(&s.Grace, duration(10*time.Millisecond, ui.Day)),
			help: "DURATION of the grace period: how long an agent has to reconnect before others get its missions"},
		{key: "retention", placeholder: "DURATION", fallback: "7d", set: to(&s.Retention, duration(time.Second, 36500*ui.Day)), help: "DURATION to keep missions after they end"},
		{key: "event_retention", placeholder: "DURATION", fallback: "7d", set: to(&s.EventRetention, duration(eventstream.DefaultDuplicateWindow, 36500*ui.Day)),
			help: "DURATION for which a newly created stream keeps events; an existing stream is not changed"},
		{key: "event_compression", placeholder: "s2|none", fallback: "s2", set: to(&s.EventCompression, word("s2", "none")),
			help: "compress the events on disk in a newly created stream: s2|none; an existing stream is not changed"},
		{key: "outbox_limit", placeholder: "N", fallback: "1000000", set: to(&s.OutboxLimit, whole[int64](1, 1_000_000_000)),
			help: "refuse new missions when N durable events are waiting for the stream"},
		{key: "broker_sync", placeholder: "DURATION", fallback: "2m", set: to(&s.BrokerSync, duration(time.Millisecond, ui.Day)),
			help: "the external broker's sync_interval, a DURATION; events are kept in the store until a crash of the broker can no longer lose them"},
		{key: "replicas", placeholder: "N", fallback: "0", set: to(&s.Replicas, whole(0, 5)), help: "create streams with N copies, 1 to 5; 0: 3 on a cluster of three brokers, otherwise 1"},
	}
}

func (s *Settings) alertSettings() []setting {
	return []setting{
		{key: "alert_defaults", placeholder: "on|off", fallback: "on", set: to(&s.alertDefaults, onOrOff), help: "use the default alert rules: on|off"},
		{key: "alert_interval", placeholder: "DURATION", fallback: "5s", set: to(&s.AlertInterval, duration(10*time.Millisecond, missions.AlertCheckEvery)),
			help: "DURATION between evaluations of the alert rules, up to 20 seconds"},
		{key: "alert_webhook", placeholder: "URL", help: "POST alerts to URL; see docs/OPERATIONS.md"},
		{key: "alert_webhook_file", placeholder: "FILE", private: true, holds: "alert_webhook", help: "read URL from FILE, if the URL is a secret"},
		{key: "alert_webhook_secret", placeholder: "SECRET", secret: true, help: "sign webhook requests with SECRET: any text, or whsec_ followed by base64"},
		{key: "alert_webhook_secret_file", placeholder: "FILE", private: true, holds: "alert_webhook_secret", help: "read SECRET from FILE"},
	}
}

// accessSettings say who may use the embedded broker and HTTP.
func (s *Settings) accessSettings() []setting {
	return []setting{
		{key: "users_file", placeholder: "FILE", help: "FILE with the users of the embedded broker, from: supervisor auth add; default: everyone can do everything"},
		{key: "listen_tls_cert", placeholder: "FILE", help: "FILE with the embedded broker's TLS certificate"},
		{key: "listen_tls_key", placeholder: "FILE", private: true, help: "FILE with its private key"},
		{key: "listen_tls_client_ca", placeholder: "FILE", help: "FILE with the CA certificates that client certificates must be signed by"},
		{key: "tokens_file", placeholder: "FILE", help: "FILE with the tokens for HTTP, from: supervisor auth token; default: everyone can do everything"},
		{key: "http_host", placeholder: "NAME", several: true, set: to(&s.Guard.Hosts, hosts),
			help: "accept HTTP requests for the host NAME, besides localhost and IP addresses; may be repeated"},
		{key: "http_tls_cert", placeholder: "FILE", help: "FILE with the certificate for HTTPS"},
		{key: "http_tls_key", placeholder: "FILE", private: true, help: "FILE with its private key"},
		{key: "http_tls_client_ca", placeholder: "FILE", help: "FILE with the CA certificates that HTTPS client certificates must be signed by"},
		{key: "insecure", isBool: true, set: to(&s.insecure, boolean), help: "allow everyone who can reach an address to do everything, even from other machines"},
	}
}

// connectionSettings say which broker to use and how to sign in.
func connectionSettings() []setting {
	return []setting{
		{key: "server", short: "s", placeholder: "URL", natsEnv: "NATS_URL", set: checkServer,
			help:       "use the NATS broker at URL, or several, separated by commas; default: the embedded broker",
			clientHelp: "URL of the NATS broker, or several, separated by commas"},
		{key: "context", placeholder: "NAME", natsEnv: "NATS_CONTEXT",
			help:       "take the broker and credentials from the nats CLI's context NAME",
			clientHelp: "use the nats CLI's context NAME; default: the selected one, unless --server is given"},
		{key: "creds", placeholder: "FILE", private: true, natsEnv: "NATS_CREDS", help: "FILE with a user's credentials"},
		{key: "nkey", placeholder: "FILE", private: true, natsEnv: "NATS_NKEY", help: "FILE with a user's nkey seed"},
		{key: "user", placeholder: "NAME", natsEnv: "NATS_USER", help: "NAME of the user, or a token if there is no password"},
		{key: "password", placeholder: "PASSWORD", secret: true, natsEnv: "NATS_PASSWORD", help: "PASSWORD of the user"},
		{key: "password_file", placeholder: "FILE", private: true, natsEnv: "NATS_PASSWORD_FILE", holds: "password", help: "read the password from FILE"},
		{key: "token", placeholder: "TOKEN", secret: true, natsEnv: "NATS_TOKEN", help: "TOKEN to sign in with"},
		{key: "token_file", placeholder: "FILE", private: true, natsEnv: "NATS_TOKEN_FILE", holds: "token", help: "read the token from FILE"},
		{key: "inbox_prefix", placeholder: "PREFIX", natsEnv: "NATS_INBOX_PREFIX", set: checkInbox, help: "PREFIX of the subjects for replies"},
		{key: "tlscert", placeholder: "FILE", natsEnv: "NATS_CERT", help: "FILE with the client's TLS certificate"},
		{key: "tlskey", placeholder: "FILE", private: true, natsEnv: "NATS_KEY", help: "FILE with the certificate's private key"},
		{key: "tlsca", placeholder: "FILE", natsEnv: "NATS_CA", help: "FILE with the CA certificates that the broker's certificate must be signed by"},
	}
}

// systemSettings say how to sign in to the external broker's system account.
func systemSettings() []setting {
	return []setting{
		{key: "system_creds", placeholder: "FILE", private: true, help: "FILE with credentials for the external broker's system account, to notice at once when an agent dies"},
		{key: "system_nkey", placeholder: "FILE", private: true, help: "FILE with the nkey seed of a user of the system account"},
		{key: "system_user", placeholder: "NAME", help: "NAME of a user of the system account"},
		{key: "system_password", placeholder: "PASSWORD", secret: true, help: "PASSWORD of the system account's user"},
		{key: "system_password_file", placeholder: "FILE", private: true, holds: "system_password", help: "read that password from FILE"},
	}
}

// fileSettings are the configuration file, and what stands in it alone.
func (s *Settings) fileSettings() []setting {
	return []setting{
		{key: "config", placeholder: "FILE", flagOnly: true, help: "read settings from the YAML FILE; keys are flags with _ instead of -"},
		{key: "users", fileOnly: true, set: to(&s.users, func(text string) ([]credentials.User, error) { return credentials.ParseUsers([]byte(text)) })},
		{key: "alerts", fileOnly: true, set: to(&s.rules, parseRules)},
	}
}
