package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// NATSConnections are [Connections] as the broker's system account tells of them:
// its advisories say whose connection has ended, and its servers list those that
// they have.
//
// Only the account counts that the supervisor itself is in. Which one that is, the
// server says that the supervisor is connected to.
type NATSConnections struct {
	system *nats.Conn
	own    *nats.Conn // in the account where the agents are
	log    *slog.Logger

	mu      sync.Mutex
	account string // "" until it is known
	trouble error
}

const (
	serversPatience = 400 * time.Millisecond // for the answers of all servers
	watchRetry      = time.Second
	advisoriesAhead = 1 << 14 // that have come in and were not read yet
	allConnections  = 1 << 20 // more than a server has

	connzOfServer = "$SYS.REQ.SERVER.%s.CONNZ"
	statzOfServer = "$SYS.REQ.SERVER.%s.STATSZ"
	connzOfAll    = "$SYS.REQ.SERVER.PING.CONNZ"
	disconnects   = "$SYS.ACCOUNT.%s.DISCONNECT"
	globalAccount = "$G"
)

var errNotWatching = errors.New("the system account has not answered yet")

// NewNATSConnections returns the connections that a connection to the system account
// tells of, in the account of the supervisor's own connection. Both may be away.
func NewNATSConnections(system, own *nats.Conn, log *slog.Logger) *NATSConnections {
	return &NATSConnections{system: system, own: own, log: log, trouble: errNotWatching}
}

// Watching implements [Connections].
func (c *NATSConnections) Watching() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble == nil && !c.system.IsConnected() {
		return nats.ErrDisconnected
	}
	return c.trouble
}

// Run implements [Connections].
func (c *NATSConnections) Run(ctx context.Context, ended func(agentID string)) {
	advisories := make(chan *nats.Msg, advisoriesAhead)
	sub := c.watch(ctx, advisories)
	if sub == nil {
		return
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	for {
		select {
		case msg := <-advisories:
			if agentID := agentOfAdvisory(msg.Data); agentID != "" {
				ended(agentID)
			}
		case <-ctx.Done():
			return
		}
	}
}

// watch subscribes to the advisories, however long that takes; nil when ctx ends
// first. From then on the client library keeps the subscription.
func (c *NATSConnections) watch(ctx context.Context, advisories chan *nats.Msg) *nats.Subscription {
	said := ""
	for {
		sub, err := c.subscribe(ctx, advisories)
		c.mu.Lock()
		c.trouble = err
		c.mu.Unlock()
		if err == nil {
			if said != "" {
				c.log.Info("deaths of agents are noticed at once again")
			}
			return sub
		}
		if ctx.Err() == nil && said != err.Error() {
			said = err.Error()
			c.log.Warn("deaths of agents are noticed only when their leases end; trying again", "error", err)
		}
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *NATSConnections) subscribe(ctx context.Context, advisories chan *nats.Msg) (*nats.Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	account, err := c.ownAccount(ctx)
	if err != nil {
		return nil, err
	}
	sub, err := c.system.ChanSubscribe(fmt.Sprintf(disconnects, account), advisories)
	if err != nil {
		return nil, err
	}
	if err := c.system.FlushWithContext(ctx); err != nil {
		_ = sub.Unsubscribe() // fails only on a closed connection
		return nil, err
	}
	c.mu.Lock()
	c.account = account
	c.mu.Unlock()
	return sub, nil
}

// connz is what a server says of its connections.
type connz struct {
	Data struct {
		Connections []struct {
			Name    string `json:"name"`
			Account string `json:"account"` // left out for the global one
		} `json:"connections"`
	} `json:"data"`
}

// ownAccount returns the account that the supervisor's own connection is in.
func (c *NATSConnections) ownAccount(ctx context.Context) (string, error) {
	server, id, err := c.ownConnection()
	if err != nil {
		return "", err
	}
	var answer connz
	err = c.ask(ctx, fmt.Sprintf(connzOfServer, server), map[string]any{"cid": id, "auth": true}, &answer)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return "", errors.New("what should be a system account's credentials are another account's")
	case err != nil:
		return "", fmt.Errorf("ask for the supervisor's own account: %w", err)
	case len(answer.Data.Connections) == 0:
		return "", errors.New("the system account does not know of the supervisor's own connection")
	}
	if account := answer.Data.Connections[0].Account; account != "" {
		return account, nil
	}
	return globalAccount, nil
}

func (c *NATSConnections) ownConnection() (server string, id uint64, err error) {
	server = c.own.ConnectedServerId()
	if server == "" || !c.system.IsConnected() {
		return "", 0, errors.New("the broker is away")
	}
	id, err = c.own.GetClientID()
	return server, id, err
}

// ask sends a request to one server.
func (c *NATSConnections) ask(ctx context.Context, subject string, question, answer any) error {
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

// Connected implements [Connections]: it asks all servers. As many have to answer as
// the one that we are connected to knows of.
func (c *NATSConnections) Connected(ctx context.Context, agents []string) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, serversPatience)
	defer cancel()
	c.mu.Lock()
	account := c.account
	c.mu.Unlock()
	var stats struct {
		Statz struct {
			Servers int `json:"active_servers"`
		} `json:"statsz"`
	}
	if err := c.ask(ctx, fmt.Sprintf(statzOfServer, c.system.ConnectedServerId()), struct{}{}, &stats); err != nil {
		return nil, fmt.Errorf("ask how many servers there are: %w", err)
	}
	wanted := make(map[string]string, len(agents))
	for _, agentID := range agents {
		wanted[api.ConnectionName(agentID)] = agentID
	}
	connected := map[string]bool{}
	err := c.askAll(ctx, max(stats.Statz.Servers, 1), account, func(name string) {
		if agentID, ok := wanted[name]; ok {
			connected[agentID] = true
		}
	})
	return connected, err
}

// askAll has so many servers list their connections in the account.
func (c *NATSConnections) askAll(ctx context.Context, servers int, account string, found func(name string)) error {
	question, err := json.Marshal(map[string]any{"acc": account, "limit": allConnections})
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
			found(list.Data.Connections[i].Name)
		}
	}
	return nil
}

// agentOfAdvisory returns the agent whose connection an advisory is about, "" if it
// is nobody's.
func agentOfAdvisory(data []byte) string {
	var advisory struct {
		Client struct {
			Name string `json:"name"`
		} `json:"client"`
	}
	if json.Unmarshal(data, &advisory) != nil {
		return ""
	}
	agentID, ok := api.AgentOfConnection(advisory.Client.Name)
	if !ok || missions.CheckToken("agent", agentID) != nil {
		return ""
	}
	return agentID
}
