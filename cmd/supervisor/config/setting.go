package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

// A setting is one thing that can be configured. Its name is a flag (--data-dir), an
// environment variable (SUPERVISOR_DATA_DIR) and a key in the configuration file
// (data_dir).
type setting struct {
	key         string
	short       string // the flag's short form, one letter
	placeholder string // the value's name in help
	fallback    string // the default
	help        string
	clientHelp  string // help of the client commands' flag, if it differs
	natsEnv     string // the nats CLI's variable for it, which client commands read

	isBool   bool // the flag alone means true
	several  bool // the flag may be repeated, the file may have a list; the text is separated by commas
	fileOnly bool // a YAML list in the file, without a flag
	flagOnly bool // not in the file
	secret   bool // nobody else may read a file that has it
	private  bool // it names a file that only its owner should be able to read

	// holds is the setting whose value the file holds that this one names.
	holds string

	// set checks a value and stores it; nil if any text will do and nothing is stored. Its
	// error says what is wrong with "it", and read adds where the value was set.
	set func(text string) error
}

// serveEnvPrefix begins the names of the variables of serve's settings.
const serveEnvPrefix = "SUPERVISOR_"

func (s *setting) flag() string     { return strings.ReplaceAll(s.key, "_", "-") }
func (s *setting) serveEnv() string { return serveEnvPrefix + strings.ToUpper(s.key) }

func (s *setting) clientEnv() string { return s.natsEnv }

// find returns the setting with a key; nil if there is none.
func find(table []setting, key string) *setting {
	for i := range table {
		if table[i].key == key {
			return &table[i]
		}
	}
	return nil
}

// UnknownVariables returns the variables of an environment, given as NAME=VALUE, that are
// named like settings of serve and are none, each with the name that was probably meant, or
// "". It leaves out those that Kubernetes sets for a service with the name supervisor, and
// those of clients over HTTP, which may run in the same environment.
func UnknownVariables(environment []string) map[string]string {
	var names []string
	table := new(Settings).table()
	for i := range table {
		names = append(names, strings.TrimPrefix(table[i].serveEnv(), serveEnvPrefix))
	}
	unknown := map[string]string{}
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		word, ours := strings.CutPrefix(name, serveEnvPrefix)
		kubernetes := strings.HasPrefix(word, "PORT") || strings.HasPrefix(word, "SERVICE_")
		client := word == "URL" || word == "CA_FILE" // of sdk/python and sdk/typescript
		if !ours || value == "" || slices.Contains(names, word) || kubernetes || client {
			continue
		}
		unknown[name] = ""
		if near := ui.Nearest(word, names); near != "" {
			unknown[name] = serveEnvPrefix + near
		}
	}
	return unknown
}

// addFlags adds the flags of a table's settings.
func addFlags(flags *pflag.FlagSet, table []setting, env func(*setting) string) {
	for i := range table {
		s := &table[i]
		help := s.help + " ($" + env(s) + ")"
		if s.placeholder != "" {
			help = strings.Replace(help, s.placeholder, "`"+s.placeholder+"`", 1)
		}
		switch {
		case s.fileOnly:
		case s.isBool:
			flags.BoolP(s.flag(), s.short, false, help)
		case s.several:
			flags.StringSliceP(s.flag(), s.short, nil, help)
		default:
			flags.StringP(s.flag(), s.short, s.fallback, help)
		}
	}
}

// A source is where a setting can come from. The lower one wins.
type source int

const (
	sourceFlag source = iota
	sourceEnv
	sourceFile
	sourceDefault
)

// value is a setting's value, and where it was set.
type value struct {
	text   string
	source source
	where  string // as in errors: "--lease", "SUPERVISOR_LEASE", "lease in /etc/mc.yaml, line 3"
}

// lineError is what is wrong with one line of a value that has several.
type lineError struct {
	line int // in the file
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// refuse returns a usage error that says where the value was set, to the line if err knows
// it.
func (v value) refuse(err error) error {
	where := v.where
	var inLine *lineError
	if file, _, ok := strings.Cut(where, ", line "); ok && errors.As(err, &inLine) {
		where = fmt.Sprintf("%s, line %d", file, inLine.line)
	}
	return ui.Usagef("%s: %v", where, err)
}

// values are the values of settings, by key.
type values map[string]value

// Lookup looks up a variable of the environment, as os.LookupEnv does.
type Lookup = func(name string) (value string, ok bool)

// sources are what settings are read from.
type sources struct {
	flags  *pflag.FlagSet
	lookup Lookup
	env    func(*setting) string
	file   values
}

// find returns a setting's value. An empty variable counts as unset, so that a compose
// file can pass on variables that are not set.
func (from *sources) find(s *setting) value {
	if flag := from.flags.Lookup(s.flag()); flag != nil && flag.Changed && !s.fileOnly {
		text := flag.Value.String()
		if several, ok := flag.Value.(pflag.SliceValue); ok {
			text = strings.Join(several.GetSlice(), ",")
		}
		return value{text, sourceFlag, "--" + s.flag()}
	}
	if text, _ := from.lookup(from.env(s)); text != "" && !s.fileOnly {
		return value{text, sourceEnv, from.env(s)}
	}
	if v, ok := from.file[s.key]; ok {
		return v
	}
	return value{s.fallback, sourceDefault, "--" + s.flag()}
}

// read finds and sets every setting of a table. The error names where a bad value was set.
func (s *Settings) read(table []setting, from sources) error {
	s.values = values{}
	for i := range table {
		row := &table[i]
		v := from.find(row)
		if v.text == "" && v.source == sourceDefault {
			continue
		}
		if err := s.set(table, row, v); err != nil {
			return v.refuse(err)
		}
		if row.private && v.text != "" && fileperm.Exposed(v.text) {
			s.Exposed = append(s.Exposed, Exposure{v.text, v.where})
		}
	}
	return nil
}

// set sets a setting, or the one that the named file holds. If that is also given itself,
// the source with the higher precedence wins.
func (s *Settings) set(table []setting, row *setting, v value) (err error) {
	if row.holds != "" {
		if v.text, err = readSecret(v.text); err != nil {
			return err
		}
		row = find(table, row.holds)
		switch direct := s.values[row.key]; {
		case direct.text == "":
		case direct.source == v.source:
			return fmt.Errorf("%w: here and with %s", errTwice, direct.where)
		case direct.source < v.source:
			return nil
		}
	}
	s.values[row.key] = v
	if row.set == nil {
		return nil
	}
	return row.set(v.text)
}

var errTwice = errors.New("this is set twice")
