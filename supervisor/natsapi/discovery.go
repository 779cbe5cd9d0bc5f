package natsapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"missioncontrol/supervisor/api"
)

// discovery publishes the endpoints as one service of the NATS micro framework, so that
// `nats micro ls`, info, stats and ping work. The framework itself would put all
// endpoints of a service on one connection; see endpoint_conns.go.
type discovery struct {
	identity micro.ServiceIdentity
	started  time.Time
	table    []endpoint
}

func newDiscovery(version string, table []endpoint) *discovery {
	return &discovery{
		identity: micro.ServiceIdentity{Name: api.Service, ID: uuid.NewString(), Version: version, Metadata: map[string]string{}},
		started:  time.Now().UTC(), table: table,
	}
}

// listen answers the framework's requests to all services, to services of our name, and
// to this instance.
func (d *discovery) listen(l *conn) (subs []*nats.Subscription, err error) {
	for verb, answer := range map[micro.Verb]func() any{
		micro.PingVerb: d.ping, micro.InfoVerb: d.info, micro.StatsVerb: d.stats,
	} {
		for _, who := range []struct{ name, id string }{{"", ""}, {api.Service, ""}, {api.Service, d.identity.ID}} {
			subject, err := micro.ControlSubject(verb, who.name, who.id)
			if err != nil {
				return subs, err
			}
			sub, err := l.nc.Subscribe(subject, func(msg *nats.Msg) {
				if notAClients(msg) == nil {
					l.respond(msg.Reply, answer())
				}
			})
			if err != nil {
				return subs, fmt.Errorf("listen on %s: %w", subject, err)
			}
			subs = append(subs, sub)
		}
	}
	return subs, nil
}

func (l *conn) respond(to string, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		l.log.Error("cannot answer a request of the micro framework", "error", err)
		return
	}
	l.send(to, "discovery", body)
}

func (d *discovery) ping() any {
	return micro.Ping{ServiceIdentity: d.identity, Type: micro.PingResponseType}
}

func (d *discovery) info() any {
	info := micro.Info{ServiceIdentity: d.identity, Type: micro.InfoResponseType,
		Description: "Mission Control: hands out missions, watches over agents, publishes events"}
	for i := range d.table {
		ep := &d.table[i]
		info.Endpoints = append(info.Endpoints, micro.EndpointInfo{
			Name: ep.Name, Subject: ep.Subject, QueueGroup: api.Service, Metadata: map[string]string{}})
	}
	return info
}

func (d *discovery) stats() any {
	stats := micro.Stats{ServiceIdentity: d.identity, Type: micro.StatsResponseType, Started: d.started}
	for i := range d.table {
		ep := &d.table[i]
		stats.Endpoints = append(stats.Endpoints, ep.counters.stats(ep))
	}
	return stats
}

// stats returns the framework's counters, with our own in its data.
func (c *endpointCounters) stats(ep *endpoint) *micro.EndpointStats {
	requests, busy := c.requests.Load(), time.Duration(c.busy.Load())
	s := &micro.EndpointStats{
		Name: ep.Name, Subject: ep.Subject, QueueGroup: api.Service,
		NumRequests: int(requests), NumErrors: int(c.failed.Load() + c.refused.Load()), ProcessingTime: busy,
	}
	if requests > 0 {
		s.AverageProcessingTime = busy / time.Duration(requests)
	}
	data, err := json.Marshal(map[string]any{
		"errors": c.failed.Load(), "refused": c.refused.Load(), "in_flight": ep.bound.UnderWay(), "busy_seconds": busy.Seconds(),
	})
	if err != nil {
		slog.Default().Error("cannot encode the counters of an endpoint", "error", err) // numbers can always be written
	}
	s.Data = data
	return s
}
