package serve

import (
	"context"
	"errors"
	"net"
	"time"

	"missioncontrol/missions/leader"
	"missioncontrol/supervisor/natsapi"
)

// brokerAnswersIn is how long a message to another supervisor may take over the broker before it
// is sent over HTTP, too. What arrives twice is done once.
const brokerAnswersIn = 2 * time.Second

// startForwarding listens for messages of the other supervisors on the store.
func (h *instance) startForwarding() error {
	if h.redis == nil {
		return nil
	}
	forwarding, err := natsapi.Forward(h.nc, h.id, h.redis.Answer, h.log.With("part", "peers"))
	if err != nil {
		return err
	}
	h.forwarding.Store(forwarding)
	h.onStop(func(context.Context) error {
		forwarding.Stop()
		h.overHTTP.Close()
		return nil
	})
	return nil
}

// forward sends a message to another supervisor: over the broker, or else over HTTP.
func (h *instance) forward(ctx context.Context, supervisor, address string, message []byte) ([]byte, error) {
	err := leader.ErrNotDelivered
	if forwarding := h.forwarding.Load(); forwarding != nil {
		var answer []byte
		if answer, err = overBroker(ctx, forwarding, supervisor, message, address != ""); err == nil {
			return answer, nil
		}
	}
	if address == "" || ctx.Err() != nil {
		return nil, err
	}
	answer, direct := h.overHTTP.Send(ctx, address, h.redis.Pass(), message)
	if errors.Is(direct, leader.ErrNotDelivered) && !errors.Is(err, leader.ErrNotDelivered) {
		return nil, err // it may have arrived over the broker
	}
	return answer, direct
}

func overBroker(ctx context.Context, forwarding *natsapi.Forwarding, supervisor string, message []byte, otherwise bool) ([]byte, error) {
	if otherwise {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, brokerAnswersIn)
		defer cancel()
	}
	return forwarding.Send(ctx, supervisor, message)
}

// advertised returns the URL at which other supervisors reach this one, "" if there is none.
func (h *instance) advertised() string {
	if h.cfg.Advertise != "" || h.http == nil {
		return h.cfg.Advertise
	}
	host, port, err := net.SplitHostPort(h.http.Addr().String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		return ""
	}
	scheme := "http://"
	if h.cfg.Guard.TLS != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}
