package embedded

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Defaults for [Config].
const (
	defaultHost         = "127.0.0.1"
	defaultMaxPayload   = 8 << 20
	defaultServerName   = "missioncontrol"
	DefaultSyncInterval = 10 * time.Second
)

// AnyPort asks the operating system for a free port.
const AnyPort = 0

// Config configures the embedded broker. StoreDir is required; the other fields
// have defaults. Port is the exception: 0 ([AnyPort]) is a valid choice.
type Config struct {
	// Host is the address to listen on. Default 127.0.0.1.
	Host string
	// Port is the TCP port to listen on, 1 to 65535, or 0 for any free one.
	Port int
	// StoreDir holds the streams and the lock file. It is created if missing.
	StoreDir string
	// MaxPayload limits one message with its headers, in bytes, 1 KiB to 64 MiB.
	// Default 8 MiB.
	MaxPayload int32
	// ServerName is the broker's name in INFO, logs and advisories. Default
	// "missioncontrol".
	ServerName string
	// SyncInterval is how often stored messages are synced to disk. An acknowledged
	// message has reached the operating system and survives a crash of the process;
	// a power failure can lose at most this much time. Default 10 s, at least 100
	// ms.
	SyncInterval time.Duration
	// Access says who may sign in. Default: everyone, into the only account, with
	// all permissions. The system account is always reserved for the process; see
	// [Server.SystemConn].
	Access *Access
	// TLS requires TLS from clients. If it asks for client certificates, only
	// clients with a valid one may connect. Default: none.
	TLS *tls.Config
	// Logger receives the broker's log lines. Default: discard.
	Logger *slog.Logger
	// Now is the clock that limits the rate of log lines. Default time.Now.
	Now func() time.Time
}

// withDefaults returns a copy of c with defaults in unset fields.
func (c Config) withDefaults() Config {
	if c.Host == "" {
		c.Host = defaultHost
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = defaultMaxPayload
	}
	if c.ServerName == "" {
		c.ServerName = defaultServerName
	}
	if c.SyncInterval == 0 {
		c.SyncInterval = DefaultSyncInterval
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// validate returns an error that names the first field out of range.
func (c Config) validate() error {
	switch {
	case c.StoreDir == "":
		return errors.New("embedded broker: StoreDir is empty; name a directory to keep the streams in")
	case c.Port < 0 || c.Port > 65535:
		return fmt.Errorf("embedded broker: Port %d is not between 0 and 65535", c.Port)
	case c.MaxPayload < 1<<10 || c.MaxPayload > 64<<20:
		return fmt.Errorf("embedded broker: MaxPayload %d is not between 1 KiB and 64 MiB", c.MaxPayload)
	case c.SyncInterval < 100*time.Millisecond:
		return fmt.Errorf("embedded broker: SyncInterval %v is less than 100ms", c.SyncInterval)
	}
	return nil
}
