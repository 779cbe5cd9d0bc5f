// Package config has every setting of the program in one table: its flag, its variable in
// the environment and its key in the configuration file. It makes of them what a
// supervisor is started with, and where and how the other commands connect.
package config

import (
	"crypto/tls"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/tracing"
	"missioncontrol/supervisor/web"
)

// Config is what a supervisor is started with, from flags, environment and file.
type Config struct {
	Version string // the program's

	Server    string        // URLs of an external broker; "" for the embedded one
	NATS      []nats.Option // credentials, TLS … for the external broker
	Listen    string        // the embedded broker's address
	Store     string        // see StoreLocation
	DataDir   string
	HTTP      string // an address, or "off"
	Advertise string // a URL of this supervisor, or ""
	Lease     time.Duration
	Heartbeat time.Duration
	Retention time.Duration
	Grace     time.Duration

	// BrokerSync is how often the external broker writes to its disk.
	BrokerSync time.Duration

	// SystemSignIn signs in to the external broker's system account; nil without one.
	SystemSignIn []nats.Option

	Access    *embedded.Access // who may use the embedded broker; nil for everyone
	ListenTLS *tls.Config      // of the embedded broker; nil without TLS
	Guard     web.Guard        // who may use HTTP

	// AccessFiles are the files that Access, ListenTLS and Guard were read from, and
	// Reload reads everything again; nil if that cannot be.
	AccessFiles []string
	Reload      func() (Config, error)

	// HangupStops means that SIGHUP stops the supervisor: its terminal was closed.
	// Otherwise, the files are read again.
	HangupStops bool

	// FirstCommands returns the commands that the banner shows, for a broker's address.
	FirstCommands func(broker string) []string

	EventRetention   time.Duration // of a newly created stream
	EventCompression string        // of a newly created stream: s2 or none

	Tracer *tracing.Tracer // nil unless the environment asks for traces

	OutboxLimit int64
	Replicas    int

	Alerts        []alerts.Rule
	AlertInterval time.Duration
	Webhook       *alerts.Webhook // nil: alerts notify no webhook
}
