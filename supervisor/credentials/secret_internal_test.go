package credentials

import (
	"strings"
	"testing"
)

// One in 64 base64 texts starts with a dash.
func TestSecretsCanBeGivenToCommands(t *testing.T) {
	t.Parallel()
	for range 2000 {
		secret := random(24)
		if i := strings.IndexFunc(secret, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') }); i >= 0 {
			t.Fatalf("a secret has %q at position %d", secret[i], i)
		}
	}
}
