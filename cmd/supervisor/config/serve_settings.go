package config

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
	"missioncontrol/supervisor/credentials"
)

// Settings are the complete, checked settings of serve.
type Settings struct {
	Config
	Exposed   []Exposure
	LogFormat string // text or json
	LogLevel  slog.Level

	values values // of all settings that are set

	alertDefaults bool
	rules         []ruleEntry
	users         []credentials.User // in the configuration file itself
	insecure      bool
	signIns       []credentials.User // of the embedded broker; nil for everybody
}

// Context returns the name of the nats CLI's context that the broker was taken from; "" for
// none.
func (s *Settings) Context() string { return s.values["context"].text }

// AddServeFlags adds the flags of all of serve's settings to a command.
func AddServeFlags(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	addFlags(cmd.Flags(), new(Settings).table(), (*setting).serveEnv)
	ui.CompleteFlag(cmd, "log-format", ui.CompleteWords("text", "json"))
	ui.CompleteFlag(cmd, "log-level", ui.CompleteWords("debug", "info", "warn", "error"))
	ui.CompleteFlag(cmd, "context", completeContexts)
}

// LoadServe reads serve's settings. version is the program's.
func LoadServe(flags *pflag.FlagSet, lookup Lookup, version string) (Settings, error) {
	s := Settings{Config: Config{Version: version}}
	table := s.table()
	file, err := s.readServe(table, table, flags, lookup)
	if err != nil {
		return s, err
	}
	s.noteConfigFile(table, file)
	connection := Connection{values: s.values}
	for _, step := range []func() error{
		s.trustConfigFile, s.checkLease, connection.check, s.setBroker, s.setAlerts, s.setAccess, s.noteAccessFiles,
	} {
		if err := step(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// readServe reads the settings of part, a part of serve's table, and returns what the
// configuration file has.
func (s *Settings) readServe(table, part []setting, flags *pflag.FlagSet, lookup Lookup) (file values, err error) {
	from := sources{flags: flags, lookup: lookup, env: (*setting).serveEnv}
	if path := from.find(find(table, "config")).text; path != "" {
		if from.file, err = readConfigFile(path, table); err != nil {
			return nil, err
		}
	}
	return from.file, s.read(part, from)
}

// noteConfigFile notes the configuration file, if there are secrets in it and others can
// read it.
func (s *Settings) noteConfigFile(table []setting, file values) {
	path := s.values["config"].text
	for i := range table {
		row := &table[i]
		v, there := file[row.key]
		urls := row.key == "store" || row.key == "server"
		if there && (row.secret || urls && strings.Contains(v.text, "@")) && fileperm.Exposed(path) {
			s.Exposed = append(s.Exposed, Exposure{path, v.where})
			return
		}
	}
}

// trustConfigFile refuses a configuration file that others can change and that says who may
// do what, or where that stands.
func (s *Settings) trustConfigFile() error {
	for _, key := range []string{"users", "users_file", "tokens_file"} {
		if v := s.values[key]; v.text != "" && v.source == sourceFile {
			return checkTrusted(v, s.values["config"].text)
		}
	}
	return nil
}

func (s *Settings) checkLease() error {
	if s.Lease >= 2*s.Heartbeat {
		return nil
	}
	return ui.Usagef("%s: a lease of %s does not outlast two heartbeats of %s (%s)", s.values["lease"].where,
		ui.DurationWords(s.Lease), ui.DurationWords(s.Heartbeat), s.values["heartbeat"].where)
}

// external reports whether the broker is an external one.
func (s *Settings) external() bool {
	return s.values["server"].text != "" || s.values["context"].text != ""
}

// setBroker sets how to connect to the external broker, if there is one.
func (s *Settings) setBroker() (err error) {
	if s.SystemSignIn, err = s.systemSignIn(); err != nil {
		return err
	}
	connection := Connection{values: s.values}
	if !s.external() {
		if v, ok := connection.credential(); ok {
			return ui.Usagef("%s is for an external broker; add --server URL or --context NAME", v.where)
		}
		return nil
	}
	broker, err := connection.Broker(false)
	s.Server, s.NATS = broker.URLs, broker.Options
	return err
}

// storePart returns the settings that say where the data is.
func storePart(table []setting) []setting {
	return slices.DeleteFunc(slices.Clone(table), func(row setting) bool {
		return !slices.Contains([]string{"data_dir", "store", "store_file", "config"}, row.key)
	})
}

// AddStoreFlags adds the flags that say where a supervisor's store is.
func AddStoreFlags(flags *pflag.FlagSet) {
	addFlags(flags, storePart(new(Settings).table()), (*setting).serveEnv)
}

// LoadStore reads where a supervisor's store is, from where serve reads it.
func LoadStore(flags *pflag.FlagSet, lookup Lookup) (StoreLocation, []Exposure, error) {
	var s Settings
	table := s.table()
	_, err := s.readServe(table, storePart(table), flags, lookup)
	return StoreLocation{Text: s.Store, DataDir: s.DataDir, Where: s.values["store"].where}, s.Exposed, err
}
