package serve

import (
	"cmp"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/roles"
)

// banner says that everything is up, where it is, and what makes something happen.
func banner(out *ui.Screen, s *config.Settings, info Info) {
	b := out.Card("Mission Control " + info.Version)
	b.Line("Broker", info.Broker)
	b.Line("Store", info.Store)
	b.Line("Events", info.Events)
	b.Line("HTTP", info.HTTP)
	b.Gap()
	first := firstCommands(s, info.Broker)
	for i, label := range []string{"Try", "then", "and"} {
		b.Line(label, out.Paint(ui.Cyan, first[i]))
	}
	b.Gap()
	b.Line("Stop", "Ctrl-C")
	b.Print()
}

// firstCommands returns the commands that make something happen: one that runs an agent,
// one that creates a mission for it, and one that follows the events. They can be run as
// they are; with users, where their secrets are in the place that supervisor auth puts
// them in.
func firstCommands(s *config.Settings, broker string) []string {
	program, where := ProgramName(), connectionFlags(s, broker)
	agent, agentID := s.SecretFlags(roles.Agent)
	if agentID != "" {
		agent = " --id " + word(agentID) + agent
	}
	person, _ := s.SecretFlags(roles.Operator, roles.Admin)
	return []string{
		program + " agent run" + where + agent + " --type default -- cat",
		program + " missions create" + where + person + ` "hello" --data '{"hello":"world"}' --wait`,
		program + " events" + where + person + " --follow",
	}
}

// connectionFlags returns the flags with which commands reach the broker, with a space
// before each.
func connectionFlags(s *config.Settings, broker string) string {
	if name := s.Context(); name != "" {
		return " --context " + word(name)
	}
	address, _, _ := strings.Cut(broker, " ")
	if s.ListenTLS == nil || s.Server != "" {
		if address == config.DefaultServer {
			return ""
		}
		return " -s " + word(address)
	}
	// The certificate itself is the authority: that holds for whoever has signed it.
	flags := " -s " + word(reachableAs(address, s.ListenTLS.Certificates[0].Leaf)) + " --tlsca " + word(s.CertificateFile())
	if verifies(s.ListenTLS) {
		flags += " --tlscert FILE --tlskey FILE"
	}
	return flags
}

// reachableAs returns a broker's URL with a host that the certificate has.
func reachableAs(address string, leaf *x509.Certificate) string {
	u, err := url.Parse(address)
	if err != nil || leaf == nil || leaf.VerifyHostname(u.Hostname()) == nil {
		return address
	}
	for _, name := range leaf.DNSNames {
		if !strings.Contains(name, "*") {
			u.Host = net.JoinHostPort(name, u.Port())
			break
		}
	}
	return u.String()
}

// ProgramName returns how this program can be started again from the same shell.
func ProgramName() string { return programName(os.Args[0]) }

// programName is ProgramName of a program that was started as arg0.
func programName(arg0 string) string {
	const name = "supervisor"
	self, err := os.Executable()
	if err != nil {
		return name
	}
	if found, err := exec.LookPath(name); err == nil && sameFile(found, self) {
		return name
	}
	if filepath.Base(self) == name && strings.Contains(self, "go-build") {
		return "go run ./cmd/supervisor"
	}
	return word(cmp.Or(arg0, self))
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// word returns a text as one word of a shell.
func word(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
