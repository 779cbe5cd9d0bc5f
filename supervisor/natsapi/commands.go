package natsapi

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
)

// Commands implement [supervisor.Commands] with core NATS. Methods may be called
// concurrently.
type Commands struct {
	nc  *nats.Conn
	log *slog.Logger
}

// NewCommands returns the commands that go over a connection, which need not be
// established yet.
func NewCommands(nc *nats.Conn, log *slog.Logger) *Commands { return &Commands{nc, log} }

// Push implements [supervisor.Commands].
func (c *Commands) Push(agentID string, command api.Command) bool {
	body, err := api.Encode(command)
	if err == nil {
		err = c.nc.Publish(api.CommandsSubject(agentID), body)
	}
	if err != nil {
		c.log.Warn("cannot push a command; the agent gets it with its next heartbeat", "agent", agentID, "error", err)
	}
	return err == nil && c.nc.IsConnected()
}

// Receive implements [supervisor.Commands]. While there is no connection, commands are not
// received. The client library keeps the subscription.
func (c *Commands) Receive(ctx context.Context, receive func(agentID string, command api.Command)) (stop func()) {
	sub, err := c.nc.Subscribe(api.CommandsSubject("*"), func(msg *nats.Msg) {
		var command api.Command
		if api.DecodeReply(msg.Data, &command) != nil {
			return // another client's message, which is no command
		}
		receive(api.AgentOf(msg.Subject), command)
	})
	if err != nil {
		c.log.Warn("cannot receive commands to agents over HTTP; they get them with their next heartbeats", "error", err)
		return func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if c.nc.IsConnected() {
		_ = c.nc.FlushWithContext(ctx) // if it fails, commands arrive a little later
	}
	return func() { _ = sub.Unsubscribe() } // fails only on a closed connection
}
