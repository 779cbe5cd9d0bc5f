package supervisor

import (
	"context"
	"errors"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Commands carry commands to agents over the broker, best effort: the next heartbeat reply
// to an agent carries the same command. All methods may be called concurrently.
type Commands interface {
	// Push sends a command to an agent. It reports whether the broker has it now, so that
	// all that receive get it.
	Push(agentID string, command api.Command) bool

	// Receive calls receive with each command that any supervisor pushes to an agent,
	// until stop is called. It waits until the broker knows of it, if there is one.
	Receive(ctx context.Context, receive func(agentID string, command api.Command)) (stop func())
}

// noCommands are those of a supervisor without a broker.
type noCommands struct{}

func (noCommands) Push(string, api.Command) bool { return false }
func (noCommands) Receive(context.Context, func(string, api.Command)) func() {
	return func() {}
}

// CommandWatcher receives what [Service.Commands] says. An error of a method ends it.
type CommandWatcher interface {
	// Ready is called once, when all later commands are seen.
	Ready() error
	Command(api.Command) error
	// Idle is called when nothing has been sent for a while.
	Idle() error
}

const (
	commandsAhead = 64               // commands that a connection has not sent yet; more are dropped
	commandsIdle  = 15 * time.Second // see CommandWatcher.Idle
)

// Commands tells a watcher of the commands to an agent until ctx ends or the watcher returns
// an error. It is a connection of the agent, as one to the broker is: if it was the last one,
// and the agent does not come back within the grace period, the agent is marked lost. It is
// not if [ErrStopping] is the cause of the end. The agent need not have registered yet.
func (s *Service) Commands(ctx context.Context, agentID string, to CommandWatcher) error {
	if err := missions.CheckToken("agent", agentID); err != nil {
		return err
	}
	commands := s.connected.join(agentID)
	defer func() {
		if latest := s.connected.leave(agentID, commands); latest && !errors.Is(context.Cause(ctx), ErrStopping) {
			s.liveness.ended(agentID)
		}
	}()
	s.connected.receive(ctx, s.cfg.Commands, s.received)
	s.cfg.Commands.Push(agentID, api.Command{Command: api.CommandConnected, Supervisor: s.cfg.ID})
	if err := to.Ready(); err != nil {
		return err
	}
	idle := time.NewTicker(commandsIdle)
	defer idle.Stop()
	for {
		var err error
		select {
		case command := <-commands:
			err = to.Command(command)
			idle.Reset(commandsIdle)
		case <-idle.C:
			err = to.Idle()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// received handles a command that any supervisor has pushed.
func (s *Service) received(agentID string, command api.Command) {
	switch {
	case command.Command != api.CommandConnected:
		s.connected.deliver(agentID, command)
	case command.Supervisor != s.cfg.ID:
		s.connected.movedOn(agentID)
	}
}

// push sends a command to an agent, wherever it is connected.
func (s *Service) push(agentID string, command api.Command) {
	if sent := s.cfg.Commands.Push(agentID, command); !sent || !s.connected.receives() {
		s.connected.deliver(agentID, command)
	}
}

// connectedAgents are the agents that are connected to this supervisor itself, and not to
// the broker. The supervisor receives from the broker what other supervisors push to them,
// from when the first agent connects: others need not pay for it.
type connectedAgents struct {
	mu        sync.Mutex
	agents    map[string]map[chan api.Command]bool // true: the agent has connected to another supervisor since
	receiving chan struct{}                        // closed once commands are received; nil before anybody needs them
	stop      func()
	ended     bool
}

func newConnectedAgents() *connectedAgents {
	return &connectedAgents{agents: map[string]map[chan api.Command]bool{}}
}

// join adds a connection of an agent.
func (c *connectedAgents) join(agentID string) chan api.Command {
	commands := make(chan api.Command, commandsAhead)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agents[agentID] == nil {
		c.agents[agentID] = map[chan api.Command]bool{}
	}
	c.agents[agentID][commands] = false
	return commands
}

// movedOn notes that an agent has connected to another supervisor. The ends of its connections
// here, which may be noticed much later, then say nothing about it.
func (c *connectedAgents) movedOn(agentID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for commands := range c.agents[agentID] {
		c.agents[agentID][commands] = true
	}
}

// leave removes a connection of an agent. It returns whether the agent has connected to no
// other supervisor since.
func (c *connectedAgents) leave(agentID string, commands chan api.Command) (latest bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest = !c.agents[agentID][commands]
	delete(c.agents[agentID], commands)
	if len(c.agents[agentID]) == 0 {
		delete(c.agents, agentID)
	}
	return latest
}

// count returns how many connections an agent has.
func (c *connectedAgents) count(agentID string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.agents[agentID])
}

// deliver sends a command to all connections of an agent.
func (c *connectedAgents) deliver(agentID string, command api.Command) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for commands := range c.agents[agentID] {
		select {
		case commands <- command:
		default: // the agent does not read; its next heartbeat tells it
		}
	}
}

// receive begins to receive commands from the broker if nobody has, and waits until they
// are received or ctx ends.
func (c *connectedAgents) receive(ctx context.Context, from Commands, received func(string, api.Command)) {
	c.mu.Lock()
	receiving := c.receiving
	first := receiving == nil
	if first {
		receiving = make(chan struct{})
		c.receiving = receiving
	}
	c.mu.Unlock()
	if !first {
		select {
		case <-receiving:
		case <-ctx.Done():
		}
		return
	}
	stop := from.Receive(ctx, received)
	c.mu.Lock()
	if c.stop = stop; c.ended {
		stop()
	}
	c.mu.Unlock()
	close(receiving)
}

// receives reports whether what the broker is given comes back.
func (c *connectedAgents) receives() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stop != nil
}

// end stops receiving. Agents that are still connected, or connect now, get no more commands
// from the broker.
func (c *connectedAgents) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended = true; c.stop != nil {
		c.stop()
	}
}
