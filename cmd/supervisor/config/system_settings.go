package config

import (
	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/ui"
)

// system says how to sign in to the external broker's system account.
type system struct{ creds, nkey, user, password value }

// systemSettings returns the table of its settings.
func systemSettings() []setting {
	keep := func(field func(*system) *value) func(*Settings, value) error {
		return func(s *Settings, g value) error { *field(&s.system) = g; return nil }
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
			apply: fromFile(func(s *Settings) *value { return &s.system.password })},
	}
}

// signIn returns the options that sign in, nil if nothing is set.
func (y *system) signIn(external bool) ([]nats.Option, error) {
	c := Connection{creds: y.creds, nkey: y.nkey, user: y.user, password: y.password}
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
