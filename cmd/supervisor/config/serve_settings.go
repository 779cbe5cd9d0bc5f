package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
)

// Settings is the complete, checked configuration.
type Settings struct {
	Config
	Exposed   []Exposure
	LogFormat string // text or json
	LogLevel  slog.Level

	connection Connection
	system     system
	alerting   alerting
	guard      guard
	store      value
	config     string // the file

	lease, heartbeat value // where they were set, since they depend on each other
}

// storeSettings is the part of the table that says where missions are stored.
func storeSettings() []setting {
	return []setting{
		{key: "store", placeholder: "STORE", help: "where missions are kept: STORE is sqlite:PATH or a Redis URL; without, a file in --data-dir",
			apply: func(s *Settings, g value) error { s.store = g; return StoreLocation{Text: g.text}.check() }},
		{key: "store_file", placeholder: "FILE", private: true, help: "FILE that holds nothing but STORE, for a URL with a password",
			apply: func(s *Settings, g value) error {
				if err := fromFile(func(s *Settings) *value { return &s.store })(s, g); err != nil {
					return err
				}
				return StoreLocation{Text: s.store.text}.check()
			}},
	}
}

// serveSettings returns all of serve's settings. Those of the connection to an external
// broker come last.
func serveSettings() []setting {
	own := []setting{
		{key: "data_dir", placeholder: "DIR", fallback: DefaultDataDir(), help: "DIR for everything that is kept on this machine",
			apply: func(s *Settings, g value) error { s.Config.DataDir = g.text; return notEmpty(g.text) }},
		{key: "listen", placeholder: "ADDRESS", fallback: "127.0.0.1:4222", help: "ADDRESS of the embedded broker, used when no --server is given",
			apply: func(s *Settings, g value) error { s.Config.Listen = g.text; return checkAddress(g.text) }},
		{key: "http", placeholder: "ADDRESS", fallback: "127.0.0.1:8080", help: "ADDRESS of the HTTP API and metrics, or off",
			apply: func(s *Settings, g value) error { s.Config.HTTP = g.text; return checkHTTP(g.text) }},
		{key: "log_format", placeholder: "FORMAT", fallback: "text", help: "FORMAT of the log: text or json",
			apply: func(s *Settings, g value) error { s.LogFormat = g.text; return OneOf(g.text, "text", "json") }},
		{key: "log_level", placeholder: "LEVEL", fallback: "info", help: "LEVEL from which on things are logged: debug, info, warn or error",
			apply: applyLogLevel},
		{key: "lease", placeholder: "DURATION", fallback: "10s", help: "DURATION of an agent's right to a mission, unless renewed",
			apply: func(s *Settings, g value) (err error) {
				s.lease = g
				s.Config.Lease, err = ui.DurationWithin(g.text, 20*time.Millisecond, ui.Day)
				return err
			}},
		{key: "heartbeat", placeholder: "DURATION", fallback: "3s", help: "DURATION between an agent's signs of life",
			apply: func(s *Settings, g value) (err error) {
				s.heartbeat = g
				s.Config.Heartbeat, err = ui.DurationWithin(g.text, 10*time.Millisecond, ui.Day)
				return err
			}},
		{key: "grace", placeholder: "DURATION", fallback: "500ms", help: "DURATION for which an agent may be without a connection before its missions go to others",
			apply: func(s *Settings, g value) (err error) {
				s.Config.Grace, err = ui.DurationWithin(g.text, 10*time.Millisecond, ui.Day)
				return err
			}},
		{key: "retention", placeholder: "DURATION", fallback: "7d", help: "DURATION for which missions that have ended are kept",
			apply: func(s *Settings, g value) (err error) {
				s.Config.Retention, err = ui.DurationWithin(g.text, time.Second, 36500*ui.Day)
				return err
			}},
		{key: "event_retention", placeholder: "DURATION", fallback: "7d", help: "DURATION for which the stream keeps events; counts when it is created, an existing one stays as it is",
			apply: func(s *Settings, g value) (err error) {
				s.Config.EventRetention, err = ui.DurationWithin(g.text, eventstream.DefaultDuplicateWindow, 36500*ui.Day)
				return err
			}},
		{key: "outbox_limit", placeholder: "N", fallback: "1000000", help: "durable events that may wait for the stream; with N waiting, new missions are refused",
			apply: func(s *Settings, g value) (err error) {
				s.Config.OutboxLimit, err = wholeWithin(g.text, 1, 1_000_000_000)
				return err
			}},
		{key: "broker_sync", placeholder: "DURATION", fallback: "2m", help: "DURATION of the external broker's sync_interval: for so long, and a little longer, events are kept that it could still lose",
			apply: func(s *Settings, g value) (err error) {
				s.Config.BrokerSync, err = ui.DurationWithin(g.text, time.Millisecond, ui.Day)
				return err
			}},
		{key: "replicas", placeholder: "N", fallback: "0", help: "N copies of streams that are created, 1 to 5; 0 is 3 on a cluster of three brokers, else 1",
			apply: func(s *Settings, g value) error {
				n, err := wholeWithin(g.text, 0, 5)
				s.Config.Replicas = int(n)
				return err
			}},
	}
	return slices.Concat(storeSettings(), own, alertSettings(), guardSettings(), connectionSettings(
		"URL of a NATS broker, or several with commas; without, the embedded broker",
		"NAME of the nats CLI's context that has the broker and its credentials", ""), systemSettings())
}

// configSetting names the file, so it cannot itself be in the file.
var configSetting = setting{key: "config", placeholder: "FILE", help: "FILE with settings, YAML: keys as the flags, with _ for -",
	apply: func(s *Settings, g value) error { s.config = g.text; return nil }}

func serveEnv(s *setting) string { return s.env() }

// AddServeFlags adds the flags of all of serve's settings to a command.
func AddServeFlags(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	addFlags(cmd.Flags(), append(serveSettings(), configSetting), serveEnv)
	ui.CompleteFlag(cmd, "log-format", ui.CompleteWords("text", "json"))
	ui.CompleteFlag(cmd, "log-level", ui.CompleteWords("debug", "info", "warn", "error"))
	ui.CompleteFlag(cmd, "context", completeContexts)
}

// fileSettings returns all settings that a configuration file may have.
func fileSettings() []setting { return append(serveSettings(), usersSetting, alertsSetting) }

// LoadServe reads flags, environment and file. version is the program's.
func LoadServe(flags *pflag.FlagSet, lookup Lookup, version string) (Settings, error) {
	s := Settings{Config: Config{Version: version}}
	d := sources{flags: flags, lookup: lookup, env: serveEnv}
	if err := d.load([]setting{configSetting}, &s); err != nil {
		return s, err
	}
	table := fileSettings()
	if s.config != "" {
		var err error
		if d.file, err = readConfigFile(s.config, table); err != nil {
			return s, err
		}
	}
	if err := d.load(table, &s); err != nil {
		return s, err
	}
	s.lookAtConfig(d.file, table)
	if err := s.trustConfig(); err != nil {
		return s, err
	}
	if s.Config.Lease < 2*s.Config.Heartbeat {
		return s, ui.Usagef("%s: a lease of %s does not outlast two heartbeats of %s (%s)",
			s.lease.where, ui.DurationWords(s.Config.Lease), ui.DurationWords(s.Config.Heartbeat), s.heartbeat.where)
	}
	if err := s.connection.check(); err != nil {
		return s, err
	}
	if err := s.external(); err != nil {
		return s, err
	}
	s.Config.Store = s.store.text
	if err := s.alerting.apply(&s.Config); err != nil {
		return s, err
	}
	return s, s.guard.apply(&s.Config, s.Config.Server != "")
}

// AddStoreFlags adds the flags that say where a supervisor's store is.
func AddStoreFlags(flags *pflag.FlagSet) { addFlags(flags, placeSettings(), serveEnv) }

// placeSettings is the part of serve's settings that says where the data is.
func placeSettings() []setting {
	place := slices.DeleteFunc(serveSettings(), func(s setting) bool {
		return !slices.Contains([]string{"data_dir", "store", "store_file"}, s.key)
	})
	return append(place, configSetting)
}

// LoadStore reads where a supervisor's store is, from flags, environment and file.
func LoadStore(flags *pflag.FlagSet, lookup Lookup) (StoreLocation, []Exposure, error) {
	var s Settings
	d := sources{flags: flags, lookup: lookup, env: serveEnv}
	if err := d.load([]setting{configSetting}, &s); err != nil {
		return StoreLocation{}, nil, err
	}
	if s.config != "" {
		var err error
		if d.file, err = readConfigFile(s.config, fileSettings()); err != nil {
			return StoreLocation{}, nil, err
		}
	}
	if err := d.load(placeSettings(), &s); err != nil {
		return StoreLocation{}, nil, err
	}
	return StoreLocation{Text: s.store.text, DataDir: s.DataDir, Where: s.store.where}, s.Exposed, nil
}

// Context returns the name of the nats CLI's context that the broker was taken from; "" for
// none.
func (s *Settings) Context() string { return s.connection.context.text }

// external fills in how to connect to the external broker, if there is one.
func (s *Settings) external() (err error) {
	external := s.connection.server.text != "" || s.connection.context.text != ""
	if s.Config.SystemSignIn, err = s.system.signIn(external); err != nil {
		return err
	}
	if !external {
		if g, ok := s.connection.credential(); ok {
			return ui.Usagef("%s is for an external broker, and none is named; add --server URL or --context NAME", g.where)
		}
		return nil
	}
	b, err := s.connection.Broker(false)
	if err != nil {
		return err
	}
	s.Config.Server, s.Config.NATS = b.URLs, b.Options
	return nil
}

func notEmpty(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	return nil
}

func checkAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" {
		if n, err := strconv.Atoi(port); err == nil && n >= 0 && n <= 65535 {
			return nil
		}
	}
	return fmt.Errorf("%q is not an address like 127.0.0.1:4222", text)
}

func checkHTTP(text string) error {
	if text == "off" {
		return nil
	}
	if checkAddress(text) != nil {
		return fmt.Errorf("%q is neither off nor an address like 127.0.0.1:8080", text)
	}
	return nil
}

func checkServer(text string) error {
	err := eventstream.Config{URL: text}.WithDefaults().Validate()
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), eventstream.ErrConfig.Error()+": "))
}

func applyLogLevel(s *Settings, g value) error {
	if err := OneOf(g.text, "debug", "info", "warn", "error"); err != nil {
		return err
	}
	return s.LogLevel.UnmarshalText([]byte(g.text))
}

func wholeWithin(text string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a whole number between %s and %s", text, ui.Count(least), ui.Count(most))
	}
	return n, nil
}
