package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
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
	secret      bool // never shown, not even in errors
	isBool      bool // the flag alone means true
	private     bool // it names a file that only its owner should be able to read
	list        bool // only in the file, as a YAML list
	several     bool // the flag may be repeated, the file may have a list; the text is separated by commas

	// natsEnv is the nats CLI's environment variable for the same setting. Client
	// commands read it.
	natsEnv string

	// apply checks a value and stores it. Its error says what is wrong with "it"; the
	// caller adds where the value was set.
	apply func(into *Settings, g value) error
}

func (s *setting) flag() string { return strings.ReplaceAll(s.key, "_", "-") }

// env returns the variable that serve reads.
func (s *setting) env() string { return "SUPERVISOR_" + strings.ToUpper(s.key) }

// A source is where a setting can come from. The lower one wins.
type source int

const (
	sourceFlag source = iota
	doorEnv
	doorFile
	doorNone // the default
)

// Lookup looks up a variable of the environment, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

// value is a setting's value, and where it was set.
type value struct {
	text   string
	source source
	where  string // as in errors: "--lease", "SUPERVISOR_LEASE", "lease in /etc/mc.yaml, line 3"
}

// addFlags adds the flags of a table's settings.
func addFlags(flags *pflag.FlagSet, table []setting, env func(*setting) string) {
	for i := range table {
		s := &table[i]
		help := s.help
		if s.placeholder != "" {
			help = strings.Replace(help, s.placeholder, "`"+s.placeholder+"`", 1)
		}
		if name := env(s); name != "" {
			help += " ($" + name + ")"
		}
		if s.isBool {
			flags.BoolP(s.flag(), s.short, false, help)
			continue
		}
		if s.several {
			flags.StringSliceP(s.flag(), s.short, nil, help)
			continue
		}
		flags.StringP(s.flag(), s.short, s.fallback, help)
	}
}

// doors are the setting sources: flags, environment, file.
type sources struct {
	flags  *pflag.FlagSet
	lookup Lookup
	env    func(*setting) string
	file   map[string]value // by key
}

// find returns a setting's value. An empty variable counts as unset, so that a compose
// file can pass on variables that are not set.
func (d *sources) find(s *setting) value {
	if s.list {
		return d.file[s.key]
	}
	if flag := d.flags.Lookup(s.flag()); flag != nil && flag.Changed {
		text := flag.Value.String()
		if values, ok := flag.Value.(pflag.SliceValue); ok {
			text = strings.Join(values.GetSlice(), ",")
		}
		return value{text, sourceFlag, "--" + s.flag()}
	}
	if name := d.env(s); name != "" {
		if text, _ := d.lookup(name); text != "" {
			return value{text, doorEnv, name}
		}
	}
	if g, ok := d.file[s.key]; ok {
		return g
	}
	return value{s.fallback, doorNone, "--" + s.flag()}
}

// load finds and applies every setting of a table. The error names where a bad value was
// set.
func (d *sources) load(table []setting, into *Settings) error {
	for i := range table {
		s := &table[i]
		g := d.find(s)
		if g.text == "" && (g.source == doorNone || s.list) {
			continue
		}
		if err := s.apply(into, g); err != nil {
			if s.secret {
				return ui.Usagef("%s: it cannot be used", g.where)
			}
			return ui.Usagef("%s: %v", g.where, err)
		}
		into.lookAt(s, g)
	}
	return nil
}

// OneOf checks that text is one of the words.
func OneOf(text string, words ...string) error {
	if slices.Contains(words, text) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
}
