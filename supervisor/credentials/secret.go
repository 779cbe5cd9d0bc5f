package credentials

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"missioncontrol/supervisor/roles"
)

// Secret is what somebody signs in with. Its zero value is none.
type Secret struct {
	Text string
	Kind string // what its file's name ends with: password, nk, creds or token
}

// String keeps a secret out of what is printed by mistake.
func (Secret) String() string { return "(secret)" }

// GoString does, too.
func (s Secret) GoString() string { return s.String() }

// bcryptCost is the least. Slow hashes are for passwords that can be guessed, and these
// are 192 random bits; but a broker hashes whenever somebody signs in, and a fleet that
// comes back does so all at once.
const bcryptCost = bcrypt.MinCost

// NewUser makes a user with a password, or an nkey, and what to sign in with.
func NewUser(role roles.Role, name string, nkey bool) (User, Secret, error) {
	u := User{Name: name, Role: role}
	if nkey {
		pair, err := nkeys.CreateUser()
		if err != nil {
			return u, Secret{}, err
		}
		seed, err := pair.Seed()
		if err == nil {
			u.NKey, err = pair.PublicKey()
		}
		return u, Secret{string(seed) + "\n", "nk"}, errors.Join(err, u.check())
	}
	password := random(24)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcryptCost)
	if err != nil {
		return u, Secret{}, err
	}
	u.PasswordHash = string(hash)
	return u, Secret{password + "\n", "password"}, u.check()
}

// random is n random bytes as text, of letters and digits alone: what begins with a dash
// is taken for a flag where it is given to a command, as in nats --password SECRET.
func random(n int) string {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails
	return hex.EncodeToString(bytes)
}

// Keep writes a secret to a file of its own in a directory, then does what makes it
// good for something, and returns the file's path. A user whose secret nobody has is
// worse than a secret that opens nothing, which is taken away again. A file that is
// there already is an [ErrExists].
func (s Secret) Keep(dir, name string, register func() error) (string, error) {
	path := filepath.Join(dir, name+"."+s.Kind)
	if err := writeNew(path, []byte(s.Text)); err != nil {
		return "", err
	}
	if err := register(); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

// writeNew writes a file that only its owner can read, and that is not there yet.
func writeNew(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w, and nothing is overwritten", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, rootCause(err))
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return nil
}
