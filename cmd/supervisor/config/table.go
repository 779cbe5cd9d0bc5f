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
		{key: "store", placeholder: "STORE", set: to(&s.Store, checked(checkStore)), help: "where missions are kept: STORE is sqlite:PATH or a Redis URL; without, a file in --data-dir"},
		{key: "store_file", placeholder: "FILE", private: true, holds: "store", help: "FILE that holds nothing but STORE, for a URL with a password"},
		{key: "data_dir", placeholder: "DIR", fallback: DefaultDataDir(), set: to(&s.DataDir, checked(checkNotEmpty)), help: "DIR for everything that is kept on this machine"},
		{key: "listen", placeholder: "ADDRESS", fallback: "127.0.0.1:4222", set: to(&s.Listen, checked(checkAddress)), help: "ADDRESS of the embedded broker, used when no --server is given"},
		{key: "http", placeholder: "ADDRESS", fallback: "127.0.0.1:8080", set: to(&s.HTTP, checked(checkHTTP)), help: "ADDRESS of the HTTP API and metrics, or off"},
		{key: "log_format", placeholder: "FORMAT", fallback: "text", set: to(&s.LogFormat, word("text", "json")), help: "FORMAT of the log: text or json"},
		{key: "log_level", placeholder: "LEVEL", fallback: "info", set: to(&s.LogLevel, logLevel), help: "LEVEL from which on things are logged: debug, info, warn or error"},
		{key: "lease", placeholder: "DURATION", fallback: "10s", set: to(&s.Lease, duration(20*time.Millisecond, ui.Day)), help: "DURATION of an agent's right to a mission, unless renewed"},
		{key: "heartbeat", placeholder: "DURATION", fallback: "3s", set: to(&s.Heartbeat, duration(10*time.Millisecond, ui.Day)), help: "DURATION between an agent's signs of life"},
		{key: "grace", placeholder: "DURATION", fallback: "500ms", set: to(&s.Grace, duration(10*time.Millisecond, ui.Day)),
			help: "DURATION for which an agent may be without a connection before its missions go to others"},
		{key: "retention", placeholder: "DURATION", fallback: "7d", set: to(&s.Retention, duration(time.Second, 36500*ui.Day)), help: "DURATION for which missions that have ended are kept"},
		{key: "event_retention", placeholder: "DURATION", fallback: "7d", set: to(&s.EventRetention, duration(eventstream.DefaultDuplicateWindow, 36500*ui.Day)),
			help: "DURATION for which the stream keeps events; counts when it is created, an existing one stays as it is"},
		{key: "outbox_limit", placeholder: "N", fallback: "1000000", set: to(&s.OutboxLimit, whole[int64](1, 1_000_000_000)),
			help: "durable events that may wait for the stream; with N waiting, new missions are refused"},
		{key: "broker_sync", placeholder: "DURATION", fallback: "2m", set: to(&s.BrokerSync, duration(time.Millisecond, ui.Day)),
			help: "DURATION of the external broker's sync_interval: for so long, and a little longer, events are kept that it could still lose"},
		{key: "replicas", placeholder: "N", fallback: "0", set: to(&s.Replicas, whole(0, 5)), help: "N copies of streams that are created, 1 to 5; 0 is 3 on a cluster of three brokers, else 1"},
	}
}

func (s *Settings) alertSettings() []setting {
	return []setting{
		{key: "alert_defaults", placeholder: "on|off", fallback: "on", set: to(&s.alertDefaults, onOrOff), help: "whether the alert rules that come with the program count: on|off"},
		{key: "alert_interval", placeholder: "DURATION", fallback: "5s", set: to(&s.AlertInterval, duration(10*time.Millisecond, missions.AlertCheckEvery)),
			help: "DURATION between two looks at the alert rules, up to 20 seconds"},
		{key: "alert_webhook", placeholder: "URL", help: "URL that is told of alerts by POST; see docs/OPERATIONS.md"},
		{key: "alert_webhook_file", placeholder: "FILE", private: true, holds: "alert_webhook", help: "FILE that holds nothing but URL, for one that only its owner may know"},
		{key: "alert_webhook_secret", placeholder: "SECRET", secret: true, help: "SECRET to sign with what the webhook is told: any text, or whsec_ and base64"},
		{key: "alert_webhook_secret_file", placeholder: "FILE", private: true, holds: "alert_webhook_secret", help: "FILE that holds nothing but SECRET"},
	}
}

// accessSettings say who may use the embedded broker and HTTP.
func (s *Settings) accessSettings() []setting {
	return []setting{
		{key: "users_file", placeholder: "FILE", help: "FILE with the users of the embedded broker, made with: supervisor auth add; without, everybody may do everything"},
		{key: "listen_tls_cert", placeholder: "FILE", help: "FILE with the embedded broker's TLS certificate"},
		{key: "listen_tls_key", placeholder: "FILE", private: true, help: "FILE with its private key"},
		{key: "listen_tls_client_ca", placeholder: "FILE", help: "FILE with the authorities one of which has to have signed each client's certificate"},
		{key: "tokens_file", placeholder: "FILE", help: "FILE with the tokens of those who may use HTTP, made with: supervisor auth token; without, everybody may do everything"},
		{key: "http_host", placeholder: "NAME", several: true, set: to(&s.Guard.Hosts, hosts),
			help: "NAME by which browsers and programs may ask for the HTTP address, beside localhost and IP addresses; may be given several times"},
		{key: "http_tls_cert", placeholder: "FILE", help: "FILE with the certificate for HTTPS"},
		{key: "http_tls_key", placeholder: "FILE", private: true, help: "FILE with its private key"},
		{key: "http_tls_client_ca", placeholder: "FILE", help: "FILE with the authorities one of which has to have signed each HTTPS client's certificate"},
		{key: "insecure", isBool: true, set: to(&s.insecure, boolean), help: "let everybody who can reach an address do everything, where other machines can reach it"},
	}
}

// connectionSettings say which broker to use and how to sign in.
func connectionSettings() []setting {
	return []setting{
		{key: "server", short: "s", placeholder: "URL", natsEnv: "NATS_URL", set: checkServer,
			help:       "URL of a NATS broker, or several with commas; without, the embedded broker",
			clientHelp: "URL of the NATS broker, or several with commas"},
		{key: "context", placeholder: "NAME", natsEnv: "NATS_CONTEXT",
			help:       "NAME of the nats CLI's context that has the broker and its credentials",
			clientHelp: "NAME of the nats CLI's context to use; without a --server, the selected one"},
		{key: "creds", placeholder: "FILE", private: true, natsEnv: "NATS_CREDS", help: "FILE with a user's credentials"},
		{key: "nkey", placeholder: "FILE", private: true, natsEnv: "NATS_NKEY", help: "FILE with a user's nkey seed"},
		{key: "user", placeholder: "NAME", natsEnv: "NATS_USER", help: "NAME of the user, or a token when there is no password"},
		{key: "password", placeholder: "PASSWORD", secret: true, natsEnv: "NATS_PASSWORD", help: "PASSWORD of the user"},
		{key: "password_file", placeholder: "FILE", private: true, natsEnv: "NATS_PASSWORD_FILE", holds: "password", help: "FILE that holds nothing but the password"},
		{key: "token", placeholder: "TOKEN", secret: true, natsEnv: "NATS_TOKEN", help: "TOKEN to sign in with"},
		{key: "token_file", placeholder: "FILE", private: true, natsEnv: "NATS_TOKEN_FILE", holds: "token", help: "FILE that holds nothing but the token"},
		{key: "inbox_prefix", placeholder: "PREFIX", natsEnv: "NATS_INBOX_PREFIX", set: checkInbox, help: "PREFIX of the subjects on which replies are received"},
		{key: "tlscert", placeholder: "FILE", natsEnv: "NATS_CERT", help: "FILE with the client's TLS certificate"},
		{key: "tlskey", placeholder: "FILE", private: true, natsEnv: "NATS_KEY", help: "FILE with the certificate's private key"},
		{key: "tlsca", placeholder: "FILE", natsEnv: "NATS_CA", help: "FILE with the authorities that the broker's certificate is checked against"},
	}
}

// systemSettings say how to sign in to the external broker's system account.
func systemSettings() []setting {
	return []setting{
		{key: "system_creds", placeholder: "FILE", private: true, help: "FILE with credentials for the external broker's system account, so that an agent's death is noticed at once"},
		{key: "system_nkey", placeholder: "FILE", private: true, help: "FILE with the nkey seed of a user of the system account"},
		{key: "system_user", placeholder: "NAME", help: "NAME of a user of the system account"},
		{key: "system_password", placeholder: "PASSWORD", secret: true, help: "PASSWORD of the system account's user"},
		{key: "system_password_file", placeholder: "FILE", private: true, holds: "system_password", help: "FILE that holds nothing but that password"},
	}
}

// fileSettings are the configuration file, and what stands in it alone.
func (s *Settings) fileSettings() []setting {
	return []setting{
		{key: "config", placeholder: "FILE", flagOnly: true, help: "FILE with settings, YAML: keys as the flags, with _ for -"},
		{key: "users", fileOnly: true, set: to(&s.users, func(text string) ([]credentials.User, error) { return credentials.ParseUsers([]byte(text)) })},
		{key: "alerts", fileOnly: true, set: to(&s.rules, parseRules)},
	}
}
