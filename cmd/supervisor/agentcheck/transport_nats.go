package agentcheck

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/supervisor/api"
)

// natsTransport is a broker on which the script answers the requests of one agent.
type natsTransport struct {
	script *script
	dir    string // of the broker
	ctx    context.Context
	cancel context.CancelFunc
	busy   sync.WaitGroup // requests that wait for their answer

	mu     sync.Mutex // held while the broker is away
	broker *embedded.Server
	own    *nats.Conn
	system *nats.Conn
}

// ownName names the script's own connections.
const ownName = "agent-check"

// own are the options of the script's own connections. A busy machine takes long to connect.
func own() []nats.Option {
	return []nats.Option{nats.Name(ownName), nats.NoReconnect(), nats.Timeout(time.Minute)}
}

func newNATS(ctx context.Context, s *script) (*natsTransport, error) {
	dir, err := os.MkdirTemp("", "agent-check-")
	if err != nil {
		return nil, fmt.Errorf("cannot create a directory for the broker; set TMPDIR to one that can be written: %w", err)
	}
	n := &natsTransport{script: s, dir: dir}
	n.ctx, n.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := n.start(ctx, embedded.AnyPort); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// start starts the broker, and answers requests on it. mu is held, or nobody else has n.
func (n *natsTransport) start(ctx context.Context, port int) (err error) {
	if n.broker, err = embedded.Start(ctx, embedded.Config{StoreDir: n.dir, Port: port}); err != nil {
		return err
	}
	if n.own, err = nats.Connect(n.broker.ClientURL(), own()...); err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	if n.system, err = n.broker.SystemConn(own()...); err != nil {
		return err
	}
	nc := n.own
	if _, err = nc.Subscribe(api.AgentSubject(n.script.agentID, "*"), func(m *nats.Msg) { n.receive(nc, m) }); err == nil {
		err = nc.Flush()
	}
	if err != nil {
		return fmt.Errorf("listen for requests: %w", err)
	}
	return nil
}

// receive answers a request. It is called for one request after the other.
func (n *natsTransport) receive(nc *nats.Conn, m *nats.Msg) {
	if m.Subject == api.CommandsSubject(n.script.agentID) {
		return // what the script itself has pushed
	}
	verb := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	r := n.script.arrive(verb, m.Data, "")
	n.busy.Go(func() {
		answer := n.script.answer(n.ctx, r)
		if answer.none() || m.Reply == "" {
			return
		}
		msg := nats.NewMsg(m.Reply)
		msg.Data = answer.item()
		if answer.refusal != nil {
			msg.Header.Set(api.HeaderErrorCode, answer.refusal.StatusText())
			msg.Header.Set(api.HeaderError, answer.refusal.Message)
		}
		_ = nc.PublishMsg(msg) // the broker may be away by now
	})
}

func (n *natsTransport) url() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.broker.ClientURL()
}

func (n *natsTransport) push(command map[string]any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.own.Publish(api.CommandsSubject(n.script.agentID), encoded(command)) // it may be lost
	_ = n.own.Flush()
}

// connection is what the broker says of a connection.
type connection struct {
	name     string
	subjects []string
}

// connections returns the agent's connections.
func (n *natsTransport) connections(ctx context.Context) ([]connection, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	reply, err := n.system.RequestWithContext(ctx, "$SYS.REQ.SERVER.PING.CONNZ", []byte(`{"subscriptions":true}`))
	if err != nil {
		return nil, fmt.Errorf("ask the broker for its connections: %w", err)
	}
	var page struct {
		Data struct {
			Connections []struct {
				Name          string   `json:"name"`
				Subscriptions []string `json:"subscriptions_list"`
			} `json:"connections"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.Data, &page); err != nil {
		return nil, fmt.Errorf("read the broker's connections: %w", err)
	}
	var all []connection
	for _, c := range page.Data.Connections {
		if c.Name != ownName {
			all = append(all, connection{c.Name, c.Subscriptions})
		}
	}
	return all, nil
}

func (n *natsTransport) listens(ctx context.Context) (bool, error) {
	all, err := n.connections(ctx)
	return slices.ContainsFunc(all, func(c connection) bool {
		return slices.Contains(c.subjects, api.CommandsSubject(n.script.agentID))
	}), err
}

func (n *natsTransport) away(ctx context.Context, pause time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, text, err := net.SplitHostPort(n.broker.Addr())
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	if err := n.stop(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, pause); err != nil {
		return err
	}
	return n.start(ctx, port)
}

// stop ends the broker. mu is held, or nobody else has n.
func (n *natsTransport) stop(ctx context.Context) error {
	for _, nc := range []*nats.Conn{n.own, n.system} {
		if nc != nil {
			nc.Close()
		}
	}
	if n.broker == nil {
		return nil
	}
	return n.broker.Shutdown(ctx)
}

func (n *natsTransport) close() {
	n.cancel()
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = n.stop(context.Background()) // the directory goes in any case
	n.busy.Wait()
	_ = os.RemoveAll(n.dir)
}
