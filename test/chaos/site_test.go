//go:build chaos

package chaos

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// site is a store, a broker, supervisors, agents and clients, all of them separate
// programs.
type site struct {
	dir       string // for everything
	histories string // of agents and clients
	seed      uint64
	flow      bool // see the flag
	lease     string
	heartbeat string

	redis       *process // nil: SQLite
	redisAddr   string
	brokers     []*process // none: the supervisor's own
	brokerAddrs []string
	jetStream   bool // whether brokers start with JetStream
	supervisors []*process
	webs        []string // HTTP URLs of the supervisors
	agents      []*process
	agentIDs    map[string]*agentID // by process
	clients     []*process

	brokerLinks map[string]*link // by program: the links to the brokers
	redisLinks  map[string]*link // by supervisor
}

// layout is what a site consists of.
type layout struct {
	redis      bool // or SQLite
	partitions int  // of the data set in Redis, if not 1
	brokers    int  // 0: the supervisor's own

	supervisors, agents, clients int
}

// layouts are the kinds of sites.
var layouts = map[string]layout{
	"sqlite":           {supervisors: 1, agents: 3, clients: 3},
	"redis":            {redis: true, brokers: 3, supervisors: 2, agents: 3, clients: 3},
	"redis-partitions": {redis: true, partitions: 4, brokers: 3, supervisors: 2, agents: 3, clients: 3},
	"sqlite-cluster":   {brokers: 3, supervisors: 1, agents: 3, clients: 3},
}

// newSite prepares a site in a directory; nothing runs yet.
func newSite(dir string, seed uint64, l layout) (*site, error) {
	s := &site{dir: dir, histories: filepath.Join(dir, "histories"), seed: seed, flow: *flow, lease: "3s", heartbeat: "1s", jetStream: true, agentIDs: map[string]*agentID{},
		brokerLinks: map[string]*link{}, redisLinks: map[string]*link{}}
	if err := os.MkdirAll(s.histories, 0o700); err != nil {
		return nil, err
	}
	steps := []func(layout) error{s.addRedis, s.addBrokers, s.addSupervisors, s.addAgents, s.addClients}
	for _, step := range steps {
		if err := step(l); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *site) addRedis(l layout) error {
	if !l.redis {
		return nil
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	s.redisAddr = fmt.Sprintf("127.0.0.1:%d", ports[0])
	dir := filepath.Join(s.dir, "redis")
	s.redis = newProcess(s.dir, "redis", "", func() *exec.Cmd {
		return exec.Command("redis-server", "--port", fmt.Sprint(ports[0]), "--bind", "127.0.0.1", "--dir", dir, "--save", "",
			"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
	})
	return os.MkdirAll(dir, 0o700)
}

func (s *site) addBrokers(l layout) error {
	if l.brokers == 0 {
		ports, err := freePorts(1)
		if err == nil {
			s.brokerAddrs = []string{fmt.Sprintf("127.0.0.1:%d", ports[0])}
		}
		return err
	}
	ports, err := freePorts(2 * l.brokers)
	if err != nil {
		return err
	}
	var routes []string
	for i := range l.brokers {
		s.brokerAddrs = append(s.brokerAddrs, fmt.Sprintf("127.0.0.1:%d", ports[i]))
		routes = append(routes, fmt.Sprintf("127.0.0.1:%d", ports[l.brokers+i]))
	}
	for i := range l.brokers {
		s.brokers = append(s.brokers, newProcess(s.dir, fmt.Sprint("n", i), "", func() *exec.Cmd {
			return exec.Command(brokerBinary, "--config", s.writeBrokerConfig(i, routes))
		}))
	}
	return nil
}

// writeBrokerConfig writes the current configuration of broker i.
func (s *site) writeBrokerConfig(i int, routes []string) string {
	text := fmt.Sprintf("server_name: n%d\nlisten: %s\nmax_payload: 8MB\n", i, s.brokerAddrs[i])
	if s.jetStream {
		text += fmt.Sprintf("jetstream { store_dir: %q, max_mem: 64MB, max_file: 4GB }\n", filepath.Join(s.dir, fmt.Sprint("n", i)))
	}
	text += fmt.Sprintf("cluster { name: chaos, listen: %s, no_advertise: true, routes: [ %s ] }\n", routes[i], "nats://"+strings.Join(routes, ", nats://"))
	path := filepath.Join(s.dir, fmt.Sprintf("n%d.conf", i))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return ""
	}
	return path
}

// linkTo puts a program's connections to some addresses under our control.
func linkTo(name string, addrs []string) (*link, error) {
	l := &link{name: name}
	for _, addr := range addrs {
		p, err := newProxy(addr)
		if err != nil {
			l.close()
			return nil, err
		}
		l.proxies = append(l.proxies, p)
	}
	return l, nil
}

// natsURLs returns the addresses by which a program reaches the brokers.
func (s *site) natsURLs(name string) (string, error) {
	l, err := linkTo(name+" to the brokers", s.brokerAddrs)
	if err != nil {
		return "", err
	}
	s.brokerLinks[name] = l
	var urls []string
	for _, p := range l.proxies {
		urls = append(urls, "nats://"+p.addr())
	}
	return strings.Join(urls, ","), nil
}

func (s *site) addSupervisors(l layout) error {
	ports, err := freePorts(l.supervisors)
	if err != nil {
		return err
	}
	for i := range l.supervisors {
		name := fmt.Sprint("s", i)
		web := fmt.Sprintf("127.0.0.1:%d", ports[i])
		s.webs = append(s.webs, "http://"+web)
		args := []string{"serve", "--data-dir", filepath.Join(s.dir, name), "--http", web, "--lease", s.lease, "--heartbeat", s.heartbeat}
		if l.brokers == 0 {
			args = append(args, "--listen", s.brokerAddrs[0])
		} else {
			urls, err := s.natsURLs(name)
			if err != nil {
				return err
			}
			args = append(args, "--server", urls, "--replicas", fmt.Sprint(l.brokers))
		}
		if l.redis {
			way, err := linkTo(name+" to Redis", []string{s.redisAddr})
			if err != nil {
				return err
			}
			s.redisLinks[name] = way
			store := "redis://" + way.proxies[0].addr()
			if l.partitions > 0 {
				store += fmt.Sprint("?partitions=", l.partitions)
			}
			args = append(args, "--store", store)
		}
		s.supervisors = append(s.supervisors, newProcess(s.dir, name, "Ctrl-C", func() *exec.Cmd {
			cmd := exec.Command(supervisorBinary, args...)
			cmd.Env = append(os.Environ(), "NATS_URL=", "NATS_CONTEXT=")
			return cmd
		}))
	}
	return nil
}

// addPart adds an agent or a client, which gets its name from id when it starts.
func (s *site) addPart(role, name string, id func() string, urls string) *process {
	return newProcess(s.dir, name, "", func() *exec.Cmd {
		p := part{role: role, id: id(), urls: urls, dir: s.histories, seed: s.seed ^ hash(id()), flow: s.flow}
		return exec.Command(os.Args[0], p.arguments()...)
	})
}

// agentID is the name of a process's agent.
type agentID struct {
	mu    sync.Mutex
	name  string
	kills int
}

func (a *agentID) get() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kills < 2 {
		return a.name
	}
	return fmt.Sprintf("%s-%d", a.name, a.kills/2)
}

// killed records that the agent was killed. Every other time another agent takes
// its place.
func (a *agentID) killed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kills++
}

func hash(text string) (h uint64) {
	for _, b := range []byte(text) {
		h = h*31 + uint64(b)
	}
	return h
}

func (s *site) addAgents(l layout) error {
	for i := range l.agents {
		id := fmt.Sprint("a", i)
		urls, err := s.natsURLs(id)
		if err != nil {
			return err
		}
		s.agentIDs[id] = &agentID{name: id, kills: i}
		s.agents = append(s.agents, s.addPart("agent", id, s.agentIDs[id].get, urls))
	}
	return nil
}

// addClients adds the clients. The last one uses HTTP.
func (s *site) addClients(l layout) error {
	if l.clients == 0 {
		return nil
	}
	for i := range l.clients - 1 {
		id := fmt.Sprint("c", i)
		urls, err := s.natsURLs(id)
		if err != nil {
			return err
		}
		s.clients = append(s.clients, s.addPart("client", id, func() string { return id }, urls))
	}
	s.clients = append(s.clients, s.addPart("web", "w0", func() string { return "w0" }, strings.Join(s.webs, ",")))
	return nil
}

// start starts everything.
func (s *site) start() error {
	if s.redis != nil {
		if err := s.redis.start(); err != nil {
			return err
		}
	}
	for _, group := range [][]*process{s.brokers, s.supervisors, s.agents, s.clients} {
		for _, p := range group {
			if err := p.start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// processes returns all processes.
func (s *site) processes() (all []*process) {
	for _, group := range [][]*process{s.clients, s.agents, s.supervisors, s.brokers} {
		all = append(all, group...)
	}
	if s.redis != nil {
		all = append(all, s.redis)
	}
	return all
}

// heal undoes all faults of the links.
func (s *site) heal() {
	for _, l := range s.brokerLinks {
		l.heal()
	}
	for _, l := range s.redisLinks {
		l.heal()
	}
}

// close stops everything, in whatever state it is.
func (s *site) close() {
	for _, p := range s.processes() {
		p.kill()
		p.again.Wait()
	}
	for _, l := range s.brokerLinks {
		l.close()
	}
	for _, l := range s.redisLinks {
		l.close()
	}
}

// natsDirect returns the brokers' own addresses, which bypass all links.
func (s *site) natsDirect() string { return "nats://" + strings.Join(s.brokerAddrs, ",nats://") }

// freePorts returns ports that were free a moment ago, below the range for outgoing
// connections: a program that is killed finds its port free again.
func freePorts(n int) (ports []int, err error) {
	for tries := 0; len(ports) < n; tries++ {
		port := 10_000 + rand.IntN(22_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			if tries > 1000 {
				return nil, err
			}
			continue
		}
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		ports = append(ports, port)
	}
	return ports, nil
}

// stopTimeout is how long a program may take to exit after it is asked to.
const stopTimeout = 20 * time.Second
