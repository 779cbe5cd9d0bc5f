// Package credentials creates the secrets that people, agents and supervisors sign in
// with. It reads and writes the files that belong to them: users of a broker, tokens
// for HTTP, and the configuration of an external broker.
//
// Lists hold what verifies a secret (a bcrypt hash, a public key, a SHA-256), never the
// secret. Secrets are in their own files that only their owner can read. Nothing is
// ever overwritten except files generated from a list, and those only if they have not
// been changed by hand. No error quotes a file.
package credentials

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"missioncontrol/supervisor/roles"
)

// User is a user who may sign in to a broker.
type User struct {
	Name         string     `yaml:"name"`
	Role         roles.Role `yaml:"role"`
	PasswordHash string     `yaml:"password_hash,omitempty"` // bcrypt, as $2a$…
	NKey         string     `yaml:"nkey,omitempty"`          // the public key, instead of a password
}

// bcryptMark is the prefix of the hashes that a broker recognises. It would take any
// other hash for the password itself.
const bcryptMark = "$2a$"

// check returns what is wrong with a user, without quoting what verifies a secret.
func (u *User) check() error {
	if err := roles.CheckName(u.Name); err != nil {
		return err
	}
	if _, err := roles.Parse(string(u.Role)); err != nil {
		return fmt.Errorf("the role of %s: %w", u.Name, err)
	}
	switch {
	case (u.PasswordHash == "") == (u.NKey == ""):
		return fmt.Errorf("%s must have either a password_hash or an nkey", u.Name)
	case u.NKey != "" && !nkeys.IsValidPublicUserKey(u.NKey):
		return fmt.Errorf("the nkey of %s is not the public key of a user, which begins with U", u.Name)
	case u.NKey != "":
		return nil
	}
	if _, err := bcrypt.Cost([]byte(u.PasswordHash)); err != nil || !strings.HasPrefix(u.PasswordHash, bcryptMark) {
		return fmt.Errorf("the password_hash of %s is not a bcrypt hash that begins with %s; make one with supervisor auth add", u.Name, bcryptMark)
	}
	return nil
}

// checkUsers refuses users that could not be told apart.
func checkUsers(users []User) error {
	seen := map[string]bool{}
	for i := range users {
		u := &users[i]
		if err := u.check(); err != nil {
			return err
		}
		if seen[u.Name] || u.NKey != "" && seen[u.NKey] {
			return fmt.Errorf("%s appears twice", u.Name)
		}
		seen[u.Name], seen[u.NKey] = true, true
	}
	return nil
}

// ErrExists means that the name is already taken.
var ErrExists = errors.New("it already exists")

// userList is a file of users.
var userList = list[User]{
	key: "users", name: func(u *User) string { return u.Name }, check: checkUsers,
	head: "# The users of the broker. `supervisor auth add` adds users. To remove a user,\n" +
		"# delete the entry. Passwords are stored as bcrypt hashes.\n",
}

// ParseUsers parses the users below `users:`.
func ParseUsers(text []byte) ([]User, error) { return userList.parseEntries(text) }

// ReadUsers reads a file of users.
func ReadUsers(path string) ([]User, error) { return userList.read(path) }

// AddUser adds a user to a file, and creates the file if it is missing. The error is an
// [ErrExists] if the name is taken.
func AddUser(path string, u User) error { return userList.addAlone(path, u) }
