// Package roles defines the permissions of each role: the NATS subjects on which it may
// publish and subscribe. Everything that creates users derives from it: the permissions
// of the embedded broker, the files for an external broker, the template for JWTs, and
// what a bearer token allows over HTTP.
//
// Two accounts separate people from machines. The supervisor, agents and admins are in
// the account that has JetStream. Viewers and operators are in their own account, which
// only [Shares] cross. This border is needed because subject permissions alone cannot
// make read access to JetStream safe: JetStream sends its status messages to whatever
// reply subject a request names, without checking permissions, and an empty message to
// $JS.API.STREAM.DELETE.EVENTS deletes the stream. Agents need no JetStream, and may
// not send it any request.
package roles

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Role is the role of a user.
type Role string

// The roles. Each of the first four is also a command argument and a word in files.
const (
	Viewer     Role = "viewer"     // sees everything, changes nothing
	Operator   Role = "operator"   // a viewer who also creates missions and controls them
	Agent      Role = "agent"      // works on missions, as one agent
	Admin      Role = "admin"      // everything in the account, JetStream included
	Supervisor Role = "supervisor" // the service itself
	System     Role = "system"     // the broker's system account, which reports ended connections
)

// All returns every role.
func All() []Role { return []Role{Viewer, Operator, Agent, Admin, Supervisor, System} }

// Parse parses a role. The error lists the valid ones.
func Parse(text string) (Role, error) {
	if r := Role(text); slices.Contains(All(), r) {
		return r, nil
	}
	names := make([]string, len(All()))
	for i, r := range All() {
		names[i] = string(r)
	}
	return "", fmt.Errorf("%q is not a role; the roles are %s", text, strings.Join(names, ", "))
}

var errName = errors.New("must be " + missions.TokenRule)

// CheckName refuses names that no user can have. An agent's name is its id.
func CheckName(name string) error {
	if missions.CheckToken("name", name) != nil {
		return fmt.Errorf("the name %q %w", name, errName)
	}
	return nil
}

// Account is an account of the broker.
type Account int

// The accounts; see the package's documentation.
const (
	Missions Account = iota // has JetStream, and the supervisor
	Clients                 // what is shared with people
	SystemAccount
)

// Account returns the account of the users of a role.
func (r Role) Account() Account {
	switch r {
	case Viewer, Operator:
		return Clients
	case System:
		return SystemAccount
	}
	return Missions
}

// Permissions are the subjects on which a user may publish and subscribe.
type Permissions struct{ Publish, Subscribe []string }

// everything means no restriction.
var everything = []string{">"}

// Permissions returns what the user with this name may do in a role. For an agent the
// name is its id.
func (r Role) Permissions(name string) Permissions {
	switch r {
	case Viewer:
		return Permissions{viewerPublishes(), peopleSubscribe}
	case Operator:
		return Permissions{operatorPublishes(), peopleSubscribe}
	case Agent:
		return Permissions{
			Publish:   []string{api.AgentSubject(name, ">")},
			Subscribe: []string{api.CommandsSubject(name), api.InboxPrefix(name) + ".>"},
		}
	case Supervisor:
		return Permissions{supervisorPublishes(), supervisorSubscribes}
	case Admin, System:
		return Permissions{everything, everything}
	}
	return Permissions{}
}

// Covers reports whether this role may do over HTTP what the other one may, of viewer,
// operator and admin. An agent may use its own requests only, and machine roles have no
// access over HTTP.
func (r Role) Covers(other Role) bool {
	rank := map[Role]int{Viewer: 1, Operator: 2, Admin: 3}
	return rank[r] > 0 && rank[other] > 0 && rank[r] >= rank[other]
}
