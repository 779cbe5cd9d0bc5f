package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"missioncontrol/cmd/supervisor/ui"
)

// maxSecret is far more than any password, token or URL.
const maxSecret = 64 << 10

// readSecret reads a file that holds a secret and nothing else. It strips the final line
// ending. The error does not quote the secret.
func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", path, ui.RootCause(err))
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", path, ui.RootCause(err))
	}
	secret := strings.TrimRight(string(text), "\r\n")
	switch {
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s is too large to hold a secret", path)
	case secret == "":
		return "", fmt.Errorf("%s is empty", path)
	case strings.ContainsAny(secret, "\r\n\x00"):
		return "", fmt.Errorf("%s holds more than one line", path)
	}
	return secret, nil
}

var errTwice = errors.New("the same is given in two ways")

// fromFile returns an apply function that reads a secret from a file into the setting for
// the secret itself. If both are set, the source with the higher precedence wins.
func fromFile(place func(*Settings) *value) func(*Settings, value) error {
	return func(s *Settings, g value) error {
		secret, err := readSecret(g.text)
		if err != nil {
			return err
		}
		it := place(s)
		switch {
		case it.text == "" || g.source < it.source:
			*it = value{secret, g.source, g.where}
		case g.source == it.source:
			return fmt.Errorf("%w: here and by %s", errTwice, it.where)
		}
		return nil
	}
}
