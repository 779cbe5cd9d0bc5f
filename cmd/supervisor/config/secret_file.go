package config

import (
	"fmt"
	"io"
	"os"
	"strings"

	"missioncontrol/fileperm"
)

// maxSecret is far more than any password, token or URL.
const maxSecret = 64 << 10

// readSecret reads a file that holds a secret and nothing else. It strips the final line
// ending. The error does not quote the secret.
func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", path, fileperm.Cause(err))
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", path, fileperm.Cause(err))
	}
	secret := strings.TrimRight(string(text), "\r\n")
	switch {
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s is too large to hold a secret", path)
	case secret == "":
		return "", fmt.Errorf("%s is empty", path)
	case strings.ContainsAny(secret, "\r\n\x00"):
		return "", fmt.Errorf("%s contains more than one line", path)
	}
	return secret, nil
}
