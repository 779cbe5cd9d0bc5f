package config

import (
	"slices"
	"testing"
)

// Every setting that names a file with a secret warns of one that others can read.
func TestSettingsThatNameAFileWithASecret(t *testing.T) {
	t.Parallel()
	public := []string{"users_file", "tokens_file", "config", "listen_tls_cert", "listen_tls_client_ca", "http_tls_cert", "http_tls_client_ca", "tlscert", "tlsca"}
	for _, s := range new(Settings).table() {
		if names := s.placeholder == "FILE"; s.private != (names && !slices.Contains(public, s.key)) {
			t.Errorf("%s is private: %v", s.key, s.private)
		}
	}
}
