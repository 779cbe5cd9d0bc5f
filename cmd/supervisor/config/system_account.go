package config

import (
	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/ui"
)

// systemSignIn returns the options that sign in to the external broker's system account; nil
// if nothing is set.
func (s *Settings) systemSignIn() ([]nats.Option, error) {
	c := Connection{values: s.values, prefix: "system_"}
	user, password := c.at("user"), c.at("password")
	if password.text != "" && user.text == "" {
		return nil, ui.Usagef("%s: a password needs a user; add --system-user NAME", password.where)
	}
	if user.text != "" && password.text == "" {
		return nil, ui.Usagef("%s: the system account's user needs a password; set SUPERVISOR_SYSTEM_PASSWORD", user.where)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if v, ok := c.credential(); ok && !s.external() {
		return nil, ui.Usagef("%s is for an external broker; the embedded broker needs no credentials", v.where)
	}
	return c.signIn()
}
