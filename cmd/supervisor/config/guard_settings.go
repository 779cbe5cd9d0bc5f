package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/supervisor/credentials"
	"missioncontrol/supervisor/roles"
	"missioncontrol/supervisor/web"
)

// guard says who may connect to the embedded broker and use HTTP.
type guard struct {
	usersFile, tokensFile value
	users                 []credentials.User // in the configuration file itself
	usersGiven            value              // where they were set
	listen, http          tlsFiles
	insecure              bool
}

// tlsFiles are the files of a TLS server.
type tlsFiles struct{ cert, key, clientCA value }

// guardSettings returns the table of the guard's settings.
func guardSettings() []setting {
	keep := func(field func(*guard) *value) func(*Settings, value) error {
		return func(s *Settings, g value) error { *field(&s.guard) = g; return nil }
	}
	return []setting{
		{key: "users_file", placeholder: "FILE", help: "FILE with the users of the embedded broker, made with: supervisor auth add; without, everybody may do everything",
			apply: keep(func(g *guard) *value { return &g.usersFile })},
		{key: "listen_tls_cert", placeholder: "FILE", help: "FILE with the embedded broker's TLS certificate",
			apply: keep(func(g *guard) *value { return &g.listen.cert })},
		{key: "listen_tls_key", placeholder: "FILE", private: true, help: "FILE with its private key",
			apply: keep(func(g *guard) *value { return &g.listen.key })},
		{key: "listen_tls_client_ca", placeholder: "FILE", help: "FILE with the authorities one of which has to have signed each client's certificate",
			apply: keep(func(g *guard) *value { return &g.listen.clientCA })},
		{key: "tokens_file", placeholder: "FILE", help: "FILE with the tokens of those who may use HTTP, made with: supervisor auth token; without, everybody may do everything",
			apply: keep(func(g *guard) *value { return &g.tokensFile })},
		{key: "http_host", placeholder: "NAME", several: true, help: "NAME by which browsers and programs may ask for the HTTP address, beside localhost and IP addresses; may be given several times",
			apply: applyHosts},
		{key: "http_tls_cert", placeholder: "FILE", help: "FILE with the certificate for HTTPS",
			apply: keep(func(g *guard) *value { return &g.http.cert })},
		{key: "http_tls_key", placeholder: "FILE", private: true, help: "FILE with its private key",
			apply: keep(func(g *guard) *value { return &g.http.key })},
		{key: "http_tls_client_ca", placeholder: "FILE", help: "FILE with the authorities one of which has to have signed each HTTPS client's certificate",
			apply: keep(func(g *guard) *value { return &g.http.clientCA })},
		{key: "insecure", isBool: true, help: "let everybody who can reach an address do everything, where other machines can reach it",
			apply: func(s *Settings, g value) (err error) {
				if s.guard.insecure, err = strconv.ParseBool(g.text); err != nil {
					err = fmt.Errorf("%q is not true or false", g.text)
				}
				return err
			}},
	}
}

// applyHosts checks and stores host names.
func applyHosts(s *Settings, g value) error {
	for text := range strings.SplitSeq(g.text, ",") {
		host, err := web.ParseHost(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		s.Config.Guard.Hosts = append(s.Config.Guard.Hosts, host)
	}
	return nil
}

// usersSetting is a list in the configuration file. It has no flag.
var usersSetting = setting{key: "users", list: true, apply: func(s *Settings, g value) (err error) {
	s.guard.usersGiven = g
	s.guard.users, err = credentials.ParseUsers([]byte(g.text))
	return err
}}

// apply reads the files and fills in the access part of cfg.
func (g *guard) apply(cfg *Config, external bool) error {
	if external {
		for _, setValue := range []value{g.usersFile, g.usersGiven, g.listen.cert, g.listen.key, g.listen.clientCA} {
			if setValue.text != "" {
				return ui.Usagef("%s is for the embedded broker, and --server or --context names another one, which has users of its own", setValue.where)
			}
		}
	}
	if err := g.applyUsers(cfg); err != nil {
		return err
	}
	if err := g.applyTokens(cfg); err != nil {
		return err
	}
	var err error
	if cfg.ListenTLS, err = g.listen.config(); err != nil {
		return err
	}
	if cfg.Guard.TLS, err = g.http.config(); err != nil {
		return err
	}
	return g.refuseExposed(cfg, external)
}

func (g *guard) applyUsers(cfg *Config) error {
	users := g.users
	if g.usersFile.text != "" {
		if err := trusted(g.usersFile, g.usersFile.text); err != nil {
			return err
		}
		more, err := credentials.ReadUsers(g.usersFile.text)
		if err != nil {
			return ui.Usagef("%s: %v", g.usersFile.where, err)
		}
		users = append(users, more...)
	}
	if g.usersFile.text == "" && g.usersGiven.text == "" {
		return nil
	}
	if len(users) == 0 {
		where := g.usersFile.where
		if where == "" {
			where = g.usersGiven.where
		}
		return ui.Usagef("%s names nobody who may sign in; add somebody with: supervisor auth add ROLE NAME --users FILE", where)
	}
	access, err := accessOf(users)
	cfg.Access = access
	return err
}

// accessOf returns the users' permissions at the embedded broker.
func accessOf(users []credentials.User) (*embedded.Access, error) {
	access := &embedded.Access{Own: permissionsOf(roles.Supervisor, "")}
	seen := map[string]bool{}
	for _, u := range users {
		if seen[u.Name] {
			return nil, ui.Usagef("the user %s stands both in the configuration file and in --users-file", u.Name)
		}
		seen[u.Name] = true
		user := embedded.User{Name: u.Name, PasswordHash: u.PasswordHash, NKey: u.NKey,
			Permissions: *permissionsOf(u.Role, u.Name)}
		switch u.Role.Account() {
		case roles.Missions:
			access.Users = append(access.Users, user)
		case roles.Clients:
			access.Guests = append(access.Guests, user)
		case roles.SystemAccount:
			return nil, ui.Usagef("the user %s has the role system, and the embedded broker's system account is the supervisor's alone", u.Name)
		}
	}
	for _, share := range roles.Shares() {
		access.Shares = append(access.Shares, embedded.Share(share))
	}
	return access, nil
}

func permissionsOf(role roles.Role, name string) *embedded.Permissions {
	permissions := embedded.Permissions(role.Permissions(name))
	return &permissions
}

func (g *guard) applyTokens(cfg *Config) error {
	if g.tokensFile.text == "" {
		return nil
	}
	if err := trusted(g.tokensFile, g.tokensFile.text); err != nil {
		return err
	}
	tokens, err := credentials.ReadTokens(g.tokensFile.text)
	if err != nil {
		return ui.Usagef("%s: %v", g.tokensFile.where, err)
	}
	if len(tokens) == 0 {
		return ui.Usagef("%s holds no tokens; add one with: supervisor auth token ROLE NAME --tokens FILE", g.tokensFile.where)
	}
	for i := range tokens {
		cfg.Guard.Tokens = append(cfg.Guard.Tokens, web.Token{Name: tokens[i].Name, Role: tokens[i].Role, Hash: tokens[i].Hash()})
	}
	return nil
}

// config loads the files. It returns nil if there are none.
func (f *tlsFiles) config() (*tls.Config, error) {
	for _, pair := range [][2]value{{f.cert, f.key}, {f.key, f.cert}, {f.clientCA, f.cert}} {
		if pair[0].text != "" && pair[1].text == "" {
			return nil, ui.Usagef("%s needs a certificate and its key, too", pair[0].where)
		}
	}
	if f.cert.text == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(f.cert.text, f.key.text)
	if err != nil {
		return nil, ui.Usagef("%s: the certificate and its key cannot be used: %v", f.cert.where, ui.RootCause(err))
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if f.clientCA.text == "" {
		return config, nil
	}
	pem, err := os.ReadFile(f.clientCA.text)
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if err == nil && !config.ClientCAs.AppendCertsFromPEM(pem) {
		err = errors.New("it holds no certificate")
	}
	if err != nil {
		return nil, ui.Usagef("%s: %s cannot be used: %v", f.clientCA.where, f.clientCA.text, ui.RootCause(err))
	}
	return config, nil
}

// refuseExposed refuses to listen where other machines can connect without signing in,
// unless that is explicitly allowed. A client certificate counts as signing in.
func (g *guard) refuseExposed(cfg *Config, external bool) error {
	if g.insecure {
		return nil
	}
	if !external && Reachable(cfg.Listen) && cfg.Access == nil && g.listen.clientCA.text == "" {
		return ui.Usagef("--listen %s can be reached from other machines, and nobody has to sign in; "+
			"name users with --users-file (see: supervisor auth add --help), or say --insecure", cfg.Listen)
	}
	if cfg.HTTP != "off" && Reachable(cfg.HTTP) && cfg.Guard.Tokens == nil && g.http.clientCA.text == "" {
		return ui.Usagef("--http %s can be reached from other machines, and takes no token; "+
			"name tokens with --tokens-file (see: supervisor auth token --help), or say --insecure", cfg.HTTP)
	}
	return nil
}

// Reachable reports whether other machines can reach an address.
func Reachable(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true
	}
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.Unmap().IsLoopback()
}
