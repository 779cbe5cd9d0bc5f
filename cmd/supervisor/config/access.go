package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/fileperm"
	"missioncontrol/supervisor/credentials"
	"missioncontrol/supervisor/roles"
	"missioncontrol/supervisor/web"
)

// setAccess sets who may use the embedded broker and HTTP.
func (s *Settings) setAccess() error {
	if s.external() {
		for _, key := range []string{"users_file", "users", "listen_tls_cert", "listen_tls_key", "listen_tls_client_ca"} {
			if v := s.values[key]; v.text != "" {
				return ui.Usagef("%s is for the embedded broker, but --server or --context selects another broker, which has its own users", v.where)
			}
		}
	}
	for _, set := range []func() error{
		s.setUsers, s.setTokens,
		func() (err error) { s.ListenTLS, err = s.tlsConfig("listen_tls_"); return err },
		func() (err error) { s.Guard.TLS, err = s.tlsConfig("http_tls_"); return err },
		s.refuseExposed,
	} {
		if err := set(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) setUsers() (err error) {
	inFile, file := s.values["users"], s.values["users_file"]
	users := s.users
	if file.text != "" {
		more, err := readTrusted(file, credentials.ReadUsers)
		if err != nil {
			return err
		}
		users = append(users, more...)
	}
	if file.text == "" && inFile.text == "" {
		return nil
	}
	if len(users) == 0 {
		return ui.Usagef("%s contains no users; add one with: supervisor auth add ROLE NAME --users FILE", cmp.Or(file.where, inFile.where))
	}
	s.signIns = users
	s.Access, err = accessOf(users)
	return err
}

// CertificateFile returns the file with the embedded broker's certificate.
func (s *Settings) CertificateFile() string { return s.values["listen_tls_cert"].text }

// SecretFlags returns the flags, with a space before each, with which somebody of one of
// the roles signs in to the embedded broker, and the name, which is "" if there is nobody
// whose secret is where supervisor auth puts it. Without users there are no flags.
func (s *Settings) SecretFlags(of ...roles.Role) (flags, name string) {
	if s.Access == nil {
		return "", ""
	}
	dir := filepath.Dir(s.values["users_file"].text)
	for _, u := range s.signIns {
		if !slices.Contains(of, u.Role) {
			continue
		}
		for _, kind := range []struct{ suffix, flags string }{{".password", " --user " + u.Name + " --password-file "}, {".nk", " --nkey "}} {
			path := filepath.Join(dir, u.Name+kind.suffix)
			if _, err := os.Stat(path); err == nil && !strings.ContainsAny(path, " '\"\\$`") {
				return kind.flags + path, u.Name
			}
		}
	}
	return " --user NAME --password-file FILE", ""
}

// accessOf returns the users' permissions at the embedded broker.
func accessOf(users []credentials.User) (*embedded.Access, error) {
	access := &embedded.Access{Own: permissionsOf(roles.Supervisor, "")}
	seen := map[string]bool{}
	for _, u := range users {
		if seen[u.Name] {
			return nil, ui.Usagef("the user %s is both in the configuration file and in --users-file", u.Name)
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
			return nil, ui.Usagef("the user %s has the role system, but only the supervisor may use the embedded broker's system account", u.Name)
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

func (s *Settings) setTokens() error {
	file := s.values["tokens_file"]
	if file.text == "" {
		return nil
	}
	tokens, err := readTrusted(file, credentials.ReadTokens)
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		return ui.Usagef("%s contains no tokens; add one with: supervisor auth token ROLE NAME --tokens FILE", file.where)
	}
	for i := range tokens {
		s.Guard.Tokens = append(s.Guard.Tokens, web.Token{Name: tokens[i].Name, Role: tokens[i].Role, Hash: tokens[i].Hash()})
	}
	return nil
}

// readTrusted reads a file that says who may do what, which others must not be able to
// change.
func readTrusted[T any](file value, read func(path string) ([]T, error)) ([]T, error) {
	if err := checkTrusted(file, file.text); err != nil {
		return nil, err
	}
	list, err := read(file.text)
	if err != nil {
		return nil, ui.Usagef("%s: %v", file.where, err)
	}
	return list, nil
}

// noteAccessFiles notes the files that say who may do what.
func (s *Settings) noteAccessFiles() error {
	for _, key := range []string{"config", "users_file", "tokens_file", "listen_tls_cert", "listen_tls_key", "listen_tls_client_ca",
		"http_tls_cert", "http_tls_key", "http_tls_client_ca"} {
		if file := s.values[key].text; file != "" {
			s.AccessFiles = append(s.AccessFiles, file)
		}
	}
	return nil
}

// tlsConfig loads the files of a TLS server, whose keys begin with prefix. It returns nil if
// there are none.
func (s *Settings) tlsConfig(prefix string) (*tls.Config, error) {
	cert, key, clientCA := s.values[prefix+"cert"], s.values[prefix+"key"], s.values[prefix+"client_ca"]
	for _, pair := range [][2]value{{cert, key}, {key, cert}, {clientCA, cert}} {
		if pair[0].text != "" && pair[1].text == "" {
			return nil, ui.Usagef("%s also needs a certificate and its key", pair[0].where)
		}
	}
	if cert.text == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert.text, key.text)
	if err != nil {
		return nil, ui.Usagef("%s: the certificate and its key cannot be used: %v", cert.where, fileperm.Cause(err))
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if clientCA.text == "" {
		return config, nil
	}
	pem, err := os.ReadFile(clientCA.text)
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if err == nil && !config.ClientCAs.AppendCertsFromPEM(pem) {
		err = errors.New("it contains no certificate")
	}
	if err != nil {
		return nil, ui.Usagef("%s: %s cannot be used: %v", clientCA.where, clientCA.text, fileperm.Cause(err))
	}
	return config, nil
}

// refuseExposed refuses to listen where other machines can connect without signing in,
// unless that is explicitly allowed. A client certificate counts as signing in.
func (s *Settings) refuseExposed() error {
	if s.insecure {
		return nil
	}
	if !s.external() && Reachable(s.Listen) && s.Access == nil && s.values["listen_tls_client_ca"].text == "" {
		return ui.Usagef("--listen %s can be reached from other machines, and no sign-in is required; "+
			"create users for --users-file (see: supervisor auth add --help), or give --insecure", s.Listen)
	}
	if s.HTTP != "off" && Reachable(s.HTTP) && s.Guard.Tokens == nil && s.values["http_tls_client_ca"].text == "" {
		return ui.Usagef("--http %s can be reached from other machines, and no token is required; "+
			"create tokens for --tokens-file (see: supervisor auth token --help), or give --insecure", s.HTTP)
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
