//go:build chaos

package chaos

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"missioncontrol/test/chaos/check"
)

// fault is a fault that can be injected into a site.
type fault struct {
	kind      string
	targets   []string
	weight    int // relative frequency
	duration  [2]time.Duration
	exclusive bool // nothing else is wrong meanwhile, and the observer sends requests

	pick  func() string // the target, when it is to begin; nil: one of targets
	begin func(target string)
	heal  func(target string)        // nil: nothing to heal
	name  func(target string) string // the name of the target when it begins; nil: unchanged
}

// brief is how long most faults last: shorter and longer than a lease and the
// timeouts of connections.
var brief = [2]time.Duration{200 * time.Millisecond, 5 * time.Second}

// faults returns the faults that a site can have.
func (s *site) faults() []fault {
	all := []fault{
		killing("kill a supervisor", 6, s.supervisors), freezing("freeze a supervisor", 3, s.supervisors),
		stopping("stop a supervisor", 3, s.supervisors), stopping("stop an agent", 2, s.agents),
		s.killingAgents(), outlasting(freezing("freeze an agent", 6, s.agents)),
		killing("kill a client", 2, s.clients), freezing("freeze a client", 1, s.clients),
	}
	for _, links := range []map[string]*link{s.brokerLinks, s.redisLinks} {
		if f, there := killWhileSlow(s.supervisors, links); there {
			all = append(all, f)
		}
	}
	all = append(all, linkFaults("brokers", s.brokerLinks)...)
	all = append(all, linkFaults("Redis", s.redisLinks)...)
	if len(s.brokers) > 0 {
		all = append(all, s.brokerFaults()...)
	}
	if s.redis != nil {
		all = append(all, s.redisFaults()...)
	}
	if s.redis != nil && *leader {
		all = append(all, s.killingTheLeader())
	}
	if s.redis == nil && canLimitFiles {
		all = append(all, filling("the disk of a supervisor is full", 3, s.supervisors))
	}
	return all
}

func named(processes []*process) (names []string, byName map[string]*process) {
	byName = map[string]*process{}
	for _, p := range processes {
		names, byName[p.name] = append(names, p.name), p
	}
	return names, byName
}

// killing is kill -9, and a start some time later.
func killing(kind string, weight int, processes []*process) fault {
	names, byName := named(processes)
	return fault{kind: kind, targets: names, weight: weight, duration: brief,
		begin: func(target string) { byName[target].kill() },
		heal:  func(target string) { _ = byName[target].start() }} // recorded as trouble when everything should run
}

// killWhileSlow kills supervisors while everything they do is slow, so that most die in
// the middle of something: for example after the stream has stored an event and
// before they forget it.
func killWhileSlow(processes []*process, links map[string]*link) (fault, bool) {
	if links[processes[0].name] == nil {
		return fault{}, false
	}
	f := killing("kill a supervisor amid what it does", 5, processes)
	kill, revive := f.begin, f.heal
	f.begin = func(target string) {
		links[target].slow(80 * time.Millisecond)
		time.Sleep(time.Second) // the schedule is what is tested
		kill(target)
	}
	f.heal = func(target string) {
		links[target].heal()
		revive(target)
	}
	return f, true
}

// killingAgents is kill -9 of agents. Every other one never returns: another agent
// takes its place.
func (s *site) killingAgents() fault {
	f := outlasting(killing(check.KindKillAgent, 6, s.agents))
	revive := f.heal
	f.name = func(target string) string { return s.agentIDs[target].get() }
	f.heal = func(target string) {
		s.agentIDs[target].killed()
		revive(target)
	}
	return f
}

// outlasting makes a fault usually last longer than a lease.
func outlasting(f fault) fault {
	f.duration = [2]time.Duration{200 * time.Millisecond, 12 * time.Second}
	return f
}

// stopping is a stop like that of a service manager, and a start some time later.
func stopping(kind string, weight int, processes []*process) fault {
	names, byName := named(processes)
	return fault{kind: kind, targets: names, weight: weight, duration: brief,
		begin: func(target string) { byName[target].stop(stopTimeout) },
		heal:  func(target string) { _ = byName[target].start() }} // see killing
}

func freezing(kind string, weight int, processes []*process) fault {
	names, byName := named(processes)
	return fault{kind: kind, targets: names, weight: weight, duration: brief,
		begin: func(target string) { byName[target].freeze() },
		heal:  func(target string) { byName[target].thaw() }}
}

// filling prevents a program from writing more to its files.
func filling(kind string, weight int, processes []*process) fault {
	names, byName := named(processes)
	return fault{kind: kind, targets: names, weight: weight, duration: [2]time.Duration{time.Second, 4 * time.Second},
		begin: func(target string) { byName[target].limitFiles(4096) },
		heal:  func(target string) { byName[target].limitFiles(-1) }}
}

func linkFaults(to string, links map[string]*link) (all []fault) {
	if len(links) == 0 {
		return nil
	}
	var names []string
	for name := range links {
		names = append(names, name)
	}
	add := func(what string, weight int, duration [2]time.Duration, begin func(*link)) {
		all = append(all, fault{kind: what + " the way to " + to, targets: sorted(names), weight: weight, duration: duration,
			begin: func(target string) { begin(links[target]) }, heal: func(target string) { links[target].heal() }})
	}
	add("cut", 5, [2]time.Duration{}, (*link).cut)
	add("close", 4, brief, (*link).refuse)
	add("block", 4, brief, (*link).hang)
	add("slow down", 4, brief, func(l *link) { l.slow(80 * time.Millisecond) })
	return all
}

// whole is the target of a fault that concerns several programs.
var whole = []string{""}

func (s *site) brokerFaults() []fault {
	all := []fault{
		killing("kill a broker", 5, s.brokers), freezing("freeze a broker", 4, s.brokers),
		{kind: check.KindBrokersGone, targets: whole, weight: 1, duration: brief, exclusive: true,
			begin: func(string) { s.killBrokers() }, heal: func(string) { s.startBrokers() }},
		{kind: check.KindBrokersHung, targets: whole, weight: 1, duration: brief, exclusive: true,
			begin: func(string) { s.eachBroker((*process).freeze) }, heal: func(string) { s.eachBroker((*process).thaw) }},
		{kind: check.KindNoJetStream, targets: whole, weight: 2, duration: brief, exclusive: true,
			begin: func(string) { s.restartBrokers(false) }, heal: func(string) { s.restartBrokers(true) }},
	}
	if canLimitFiles {
		all = append(all, s.fillingBrokers())
	}
	return all
}

// fillingBrokers: a broker that could not write has given up its replica of the
// stream. Its operator frees space and restarts it.
func (s *site) fillingBrokers() fault {
	f := filling("the disk of a broker is full", 2, s.brokers)
	_, byName := named(s.brokers)
	f.heal = func(target string) {
		byName[target].kill()
		_ = byName[target].start() // see killing; it starts without the limit
	}
	return f
}

func (s *site) eachBroker(do func(*process)) {
	for _, b := range s.brokers {
		do(b)
	}
}

func (s *site) killBrokers()  { s.eachBroker((*process).kill) }
func (s *site) startBrokers() { s.eachBroker(func(b *process) { _ = b.start() }) } // see killing

func (s *site) restartBrokers(jetStream bool) {
	s.killBrokers()
	s.jetStream = jetStream
	s.startBrokers()
}

func (s *site) redisFaults() []fault {
	redis := []*process{s.redis}
	return []fault{
		killing("kill Redis", 3, redis), freezing("freeze Redis", 3, redis),
		{kind: "Redis is full", targets: []string{"redis"}, weight: 3, duration: brief,
			begin: func(string) { s.tellRedis("CONFIG SET maxmemory 1") }, heal: func(string) { s.tellRedis("CONFIG SET maxmemory 0") }},
		{kind: "Redis forgets its scripts", targets: []string{"redis"}, weight: 4,
			begin: func(string) { s.tellRedis("SCRIPT FLUSH SYNC") }},
	}
}

// killingTheLeader is kill -9 of the supervisor that leads, or of the first one while that is not
// known, about every four seconds.
func (s *site) killingTheLeader() fault {
	f := killing("kill the supervisor that leads", 30, s.supervisors)
	f.pick = func() string {
		at := slices.Index(s.webs, s.askRedis("HGET {mc:0}:leader address"))
		return s.supervisors[max(at, 0)].name
	}
	return f
}

// tellRedis sends a command; if it does not arrive, that is a fault like any other.
func (s *site) tellRedis(command string) { s.askRedis(command) }

// askRedis sends a command and returns what Redis answers, a short text; "" if it does not.
func (s *site) askRedis(command string) string {
	conn, err := net.DialTimeout("tcp", s.redisAddr, time.Second)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }() // everything was sent
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return ""
	}
	answer := bufio.NewReader(conn)
	line, err := answer.ReadString('\n')
	if err == nil && strings.HasPrefix(line, "$") { // its length
		line, err = answer.ReadString('\n')
	}
	if err != nil {
		return ""
	}
	return strings.TrimSpace(line)
}

// misfortune is one fault of a plan.
type misfortune struct {
	*fault
	target   string
	gap      time.Duration // after the previous one began
	duration time.Duration
}

// plan draws the sequence of faults; the same seed gives the same plan.
func plan(seed uint64, faults []fault) func() misfortune {
	dice := rand.New(rand.NewPCG(seed, 0))
	all := 0
	for _, f := range faults {
		all += f.weight
	}
	between := func(least, most time.Duration) time.Duration {
		// Mostly short, sometimes long.
		return least + time.Duration(float64(most-least)*dice.Float64()*dice.Float64())
	}
	return func() misfortune {
		n := dice.IntN(all)
		for i := range faults {
			f := &faults[i]
			if n -= f.weight; n < 0 {
				return misfortune{fault: f, target: f.targets[dice.IntN(len(f.targets))],
					gap: between(200*time.Millisecond, 2*time.Second), duration: between(f.duration[0], f.duration[1])}
			}
		}
		panic("the weights do not add up")
	}
}
