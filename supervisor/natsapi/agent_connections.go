package natsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
)

// AgentConnections implements [supervisor.Connections] with the broker's system account: its
// advisories say whose connection has ended, and its servers list the connections that
// they have.
//
// Only connections in the supervisor's own account count. The server that the
// supervisor is connected to says which account that is.
//
// A connection's name is set by its client, and any client can choose agent:w2. A
// connection counts as an agent's if its name and its user both say so; see
// [connection.ownedBy].
type AgentConnections struct {
	system *nats.Conn
	own    *nats.Conn // in the account of the agents
	log    *slog.Logger

	mu      sync.Mutex
	account string // "" until it is known
	user    string // the supervisor's own user
	trouble error
}

const (
	serversTimeout  = 400 * time.Millisecond // for the answers of all servers
	watchRetry      = time.Second
	advisoriesAhead = 1 << 14 // advisories received and not read yet
	unprovenAhead   = 1 << 10 // ended connections whose owner is being looked up
	allConnections  = 1 << 20 // more than a server has

	connzOfServer = "$SYS.REQ.SERVER.%s.CONNZ"
	statzOfServer = "$SYS.REQ.SERVER.%s.STATSZ"
	connzOfAll    = "$SYS.REQ.SERVER.PING.CONNZ"
	disconnects   = "$SYS.ACCOUNT.%s.DISCONNECT"
	globalAccount = "$G"
)

// NewAgentConnections returns the connections that a connection to the system account
// reports, in the account of the supervisor's own connection. Either may be
// disconnected.
func NewAgentConnections(system, own *nats.Conn, log *slog.Logger) *AgentConnections {
	return &AgentConnections{system: system, own: own, log: log, trouble: supervisor.ErrStarting}
}

// Watching implements [supervisor.Connections].
func (c *AgentConnections) Watching() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble == nil && !c.system.IsConnected() {
		return nats.ErrDisconnected
	}
	return c.trouble
}

// Run implements [supervisor.Connections].
func (c *AgentConnections) Run(ctx context.Context, ended func(agentID string)) {
	advisories := make(chan *nats.Msg, advisoriesAhead)
	sub := c.watch(ctx, advisories)
	if sub == nil {
		return
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	unproven := make(chan advisory, unprovenAhead)
	var prover sync.WaitGroup
	prover.Go(func() { c.prove(ctx, unproven, ended) })
	defer prover.Wait()
	for {
		select {
		case msg := <-advisories:
			c.sort(msg.Data, unproven, ended)
		case <-ctx.Done():
			return
		}
	}
}

// sort passes on the end of an agent's connection, or queues it if its owner is not
// clear.
func (c *AgentConnections) sort(data []byte, unproven chan<- advisory, ended func(agentID string)) {
	var a advisory
	if json.Unmarshal(data, &a) != nil {
		return
	}
	agentID := a.Client.agent()
	switch {
	case agentID == "":
	case a.Client.ownedBy(agentID, c.ownUser()):
		ended(agentID)
	default:
		select {
		case unproven <- a:
		default:
			c.log.Debug("too many connections ended at once; their agents are detected by their leases", "agent", agentID)
		}
	}
}

// prove looks up connections that have ended in what their servers remember of them.
// Their subscriptions may show whose they were.
func (c *AgentConnections) prove(ctx context.Context, unproven <-chan advisory, ended func(agentID string)) {
	for {
		select {
		case a := <-unproven:
			agentID := a.Client.agent()
			closed, err := c.closed(ctx, a)
			switch {
			case err != nil:
				c.log.Debug("cannot find out whose connection ended; its agent is detected by its lease", "agent", agentID, "error", err)
			case closed.ownedBy(agentID, c.ownUser()):
				ended(agentID)
			default:
				c.log.Warn("a connection has the name of an agent but does not belong to it", "agent", agentID, "user", closed.User)
			}
		case <-ctx.Done():
			return
		}
	}
}

// closed returns what a server remembers of a connection that has ended. The server
// sends the advisory a moment before it remembers the connection.
func (c *AgentConnections) closed(ctx context.Context, a advisory) (connection, error) {
	const (
		tries = 5
		pause = 20 * time.Millisecond
	)
	ctx, cancel := context.WithTimeout(ctx, serversTimeout)
	defer cancel()
	for range tries {
		var answer connz
		question := map[string]any{"cid": a.Client.ID, "state": stateClosed, "auth": true, "subscriptions": true}
		if err := c.ask(ctx, fmt.Sprintf(connzOfServer, a.Server.ID), question, &answer); err != nil {
			return connection{}, err
		}
		if len(answer.Data.Connections) > 0 {
			return answer.Data.Connections[0], nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return connection{}, ctx.Err()
		}
	}
	return connection{}, errors.New("its server has no record of it")
}

func (c *AgentConnections) ownUser() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// watch subscribes to the advisories, however long that takes. It returns nil if ctx
// ends first. From then on the client library keeps the subscription.
func (c *AgentConnections) watch(ctx context.Context, advisories chan *nats.Msg) *nats.Subscription {
	logged := ""
	for {
		sub, err := c.subscribe(ctx, advisories)
		c.mu.Lock()
		c.trouble = err
		c.mu.Unlock()
		if err == nil {
			if logged != "" {
				c.log.Info("dead agents are detected at once again")
			}
			return sub
		}
		if ctx.Err() == nil && logged != err.Error() {
			logged = err.Error()
			c.log.Warn("dead agents are detected only when their leases expire; trying again", "error", err)
		}
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *AgentConnections) subscribe(ctx context.Context, advisories chan *nats.Msg) (*nats.Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	self, err := c.self(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := c.system.ChanSubscribe(fmt.Sprintf(disconnects, self.Account), advisories)
	if err != nil {
		return nil, err
	}
	if err := c.system.FlushWithContext(ctx); err != nil {
		_ = sub.Unsubscribe() // fails only on a closed connection
		return nil, err
	}
	c.mu.Lock()
	c.account, c.user = self.Account, self.User
	c.mu.Unlock()
	return sub, nil
}

// stateClosed asks a server for closed connections.
const stateClosed = 1

// connz is a server's list of its connections.
type connz struct {
	Data struct {
		Connections []connection `json:"connections"`
	} `json:"data"`
}

// connection is a client's connection, as a server lists it.
type connection struct {
	Name          string   `json:"name"`
	Account       string   `json:"account"`         // omitted for the global account
	User          string   `json:"authorized_user"` // a name, a public key, or nothing
	UserName      string   `json:"name_tag"`        // the name in the user's JWT
	Subscriptions []string `json:"subscriptions_list"`
}

// ownedBy reports whether a connection with an agent's name is the agent's. It is if
// its user has that name, or if it subscribes to a subject that only this agent may
// use. If no client signs in, or agents sign in as the supervisor does, any client may
// be any agent, and only the name counts.
func (c *connection) ownedBy(agentID, ownUser string) bool {
	return c.User == "" || c.User == ownUser || c.User == agentID || c.UserName == agentID ||
		slices.ContainsFunc(c.Subscriptions, func(subject string) bool {
			return subject == api.CommandsSubject(agentID) || strings.HasPrefix(subject, api.InboxPrefix(agentID)+".")
		})
}

// self returns the supervisor's own connection, with its account.
func (c *AgentConnections) self(ctx context.Context) (connection, error) {
	server, id, err := c.ownConnection()
	if err != nil {
		return connection{}, err
	}
	var answer connz
	err = c.ask(ctx, fmt.Sprintf(connzOfServer, server), map[string]any{"cid": id, "auth": true}, &answer)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return connection{}, errors.New("the credentials for the system account belong to another account")
	case err != nil:
		return connection{}, fmt.Errorf("look up the supervisor's own account: %w", err)
	case len(answer.Data.Connections) == 0:
		return connection{}, errors.New("the system account does not list the supervisor's own connection")
	}
	self := answer.Data.Connections[0]
	if self.Account == "" {
		self.Account = globalAccount
	}
	return self, nil
}

func (c *AgentConnections) ownConnection() (server string, id uint64, err error) {
	server = c.own.ConnectedServerId()
	if server == "" || !c.system.IsConnected() {
		return "", 0, errors.New("the broker is unavailable")
	}
	id, err = c.own.GetClientID()
	return server, id, err
}

// ask sends a request to one server.
func (c *AgentConnections) ask(ctx context.Context, subject string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	reply, err := c.system.RequestWithContext(ctx, subject, body)
	if err != nil {
		return err
	}
	return json.Unmarshal(reply.Data, answer)
}

// Connected implements [supervisor.Connections]. It asks all servers, and needs answers from as
// many as the connected server knows.
func (c *AgentConnections) Connected(ctx context.Context, agents []string) (map[string]int, error) {
	ctx, cancel := context.WithTimeout(ctx, serversTimeout)
	defer cancel()
	c.mu.Lock()
	account, user := c.account, c.user
	c.mu.Unlock()
	var stats struct {
		Statz struct {
			Servers int `json:"active_servers"`
		} `json:"statsz"`
	}
	if err := c.ask(ctx, fmt.Sprintf(statzOfServer, c.system.ConnectedServerId()), struct{}{}, &stats); err != nil {
		return nil, fmt.Errorf("count the servers: %w", err)
	}
	wanted := make(map[string]string, len(agents))
	for _, agentID := range agents {
		wanted[api.ConnectionName(agentID)] = agentID
	}
	connected := map[string]int{}
	err := c.askAll(ctx, max(stats.Statz.Servers, 1), account, func(found *connection) {
		if agentID, ok := wanted[found.Name]; ok && found.ownedBy(agentID, user) {
			connected[agentID]++
		}
	})
	return connected, err
}

// askAll asks all servers to list their connections in the account, and waits for the
// given number of answers.
func (c *AgentConnections) askAll(ctx context.Context, servers int, account string, found func(*connection)) error {
	question, err := json.Marshal(map[string]any{"acc": account, "limit": allConnections, "auth": true, "subscriptions": true})
	if err != nil {
		return err
	}
	inbox := c.system.NewRespInbox()
	answers, err := c.system.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = answers.Unsubscribe() }() // fails only on a closed connection
	if err := c.system.PublishRequest(connzOfAll, inbox, question); err != nil {
		return err
	}
	for n := range servers {
		msg, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("%d of %d servers answered: %w", n, servers, err)
		}
		var list connz
		if err := json.Unmarshal(msg.Data, &list); err != nil {
			return err
		}
		for i := range list.Data.Connections {
			found(&list.Data.Connections[i])
		}
	}
	return nil
}

// advisory is a server's message that a connection has ended.
type advisory struct {
	Server struct {
		ID string `json:"id"`
	} `json:"server"`
	Client advised `json:"client"`
}

// advised is the connection that an advisory is about.
type advised struct {
	ID   uint64 `json:"id"`
	Name string `json:"name"`
	User string `json:"user"`
}

// agent returns the agent that the connection is named after, or "" if there is none.
func (a *advised) agent() string {
	agentID, ok := api.AgentOfConnection(a.Name)
	if !ok || missions.CheckToken("agent", agentID) != nil {
		return ""
	}
	return agentID
}

// ownedBy is [connection.ownedBy] with the fields of an advisory.
func (a *advised) ownedBy(agentID, ownUser string) bool {
	return (&connection{User: a.User}).ownedBy(agentID, ownUser)
}
