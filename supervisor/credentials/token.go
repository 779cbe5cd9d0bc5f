package credentials

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"missioncontrol/supervisor/roles"
)

// Token is a bearer token for HTTP. Its list holds the token's hash. A token is random
// and long, so a slow hash is not needed.
type Token struct {
	Name   string     `yaml:"name"` // of an agent: its id
	Role   roles.Role `yaml:"role"`
	SHA256 string     `yaml:"sha256"` // of the token, in hexadecimal
}

// tokenMark is the prefix of every token, so that a token published by mistake can be
// found.
const tokenMark = "mctoken_"

// NewToken creates a token.
func NewToken(role roles.Role, name string) (Token, Secret, error) {
	text := tokenMark + random(32)
	hash := sha256.Sum256([]byte(text))
	t := Token{Name: name, Role: role, SHA256: hex.EncodeToString(hash[:])}
	return t, Secret{text + "\n", "token"}, t.check()
}

// Hash returns the token's hash, which check has validated.
func (t *Token) Hash() (hash [sha256.Size]byte) {
	_, _ = hex.Decode(hash[:], []byte(t.SHA256)) // check has validated it
	return hash
}

func (t *Token) check() error {
	if err := roles.CheckName(t.Name); err != nil {
		return err
	}
	if !t.Role.Covers(roles.Viewer) && t.Role != roles.Agent {
		return fmt.Errorf("the role of %s is %q; for HTTP, it must be viewer, operator, agent or admin", t.Name, string(t.Role))
	}
	if hash, err := hex.DecodeString(t.SHA256); err != nil || len(hash) != sha256.Size {
		return fmt.Errorf("the sha256 of %s is not 64 hexadecimal digits", t.Name)
	}
	return nil
}

func checkTokens(tokens []Token) error {
	seen := map[string]bool{}
	for i := range tokens {
		if err := tokens[i].check(); err != nil {
			return err
		}
		if seen[tokens[i].Name] {
			return fmt.Errorf("%s appears twice", tokens[i].Name)
		}
		seen[tokens[i].Name] = true
	}
	return nil
}

var tokenList = list[Token]{
	key: "tokens", name: func(t *Token) string { return t.Name }, check: checkTokens,
	head: "# Tokens for HTTP and their roles. `supervisor auth token` adds tokens. To revoke a token,\n" +
		"# delete its entry. Tokens are stored as SHA-256 hashes.\n",
}

// ReadTokens reads a file of tokens.
func ReadTokens(path string) ([]Token, error) { return tokenList.read(path) }

// AddToken adds a token to a file, and creates the file if it is missing. The error is
// an [ErrExists] if the name is taken.
func AddToken(path string, t Token) error { return tokenList.addAlone(path, t) }
