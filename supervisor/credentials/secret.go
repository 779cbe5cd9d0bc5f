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

	"missioncontrol/fileperm"
	"missioncontrol/supervisor/roles"
)

// Secret is what a user signs in with. Its zero value is no secret.
type Secret struct {
	Text string
	Kind string // the suffix of its file name: password, nk, creds or token
}

// String keeps a secret out of text that is printed by mistake.
func (Secret) String() string { return "(secret)" }

// GoString keeps it out, too.
func (s Secret) GoString() string { return s.String() }

// bcryptCost is the minimum. Slow hashes are for passwords that can be guessed, and
// these are 192 random bits. But a broker hashes at every sign-in, and a fleet that
// reconnects signs in all at once.
const bcryptCost = bcrypt.MinCost

// NewUser creates a user with a password or an nkey, and returns the secret to sign in
// with.
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

// random returns n random bytes as text of letters and digits only: commands take an
// argument that starts with a dash for a flag, as in nats --password SECRET.
func random(n int) string {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // never fails
	return hex.EncodeToString(bytes)
}

// Keep writes a secret to its own file in a directory, calls register, which makes the
// secret valid, and returns the file's path. A user whose secret is lost is worse than
// a secret that is not valid, so the file comes first, and is removed if register
// fails. If the file exists already, the error is an [ErrExists].
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

// writeNew writes a new file that only its owner can read. The file must not exist yet.
func writeNew(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w, and nothing is overwritten", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, fileperm.Cause(err))
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return nil
}
