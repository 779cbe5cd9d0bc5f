package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"missioncontrol/cmd/supervisor/config"
)

// reloadInterval is how often the files are looked at.
const reloadInterval = 2 * time.Second

// liveTLS is a TLS configuration of a server that can be replaced. Connections that exist
// keep theirs.
type liveTLS struct{ current atomic.Pointer[tls.Config] }

// newLiveTLS returns a configuration that follows l; nil for nil.
func newLiveTLS(cfg *tls.Config) (l *liveTLS, served *tls.Config) {
	l = &liveTLS{}
	if cfg == nil {
		return l, nil
	}
	l.current.Store(cfg)
	served = cfg.Clone()
	served.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.current.Load(), nil }
	return l, served
}

// set replaces the configuration, unless there was none at the start.
func (l *liveTLS) set(cfg *tls.Config) {
	if l.current.Load() != nil && cfg != nil {
		l.current.Store(cfg)
	}
}

// followTLS makes the certificates of both addresses replaceable.
func (h *instance) followTLS(context.Context) error {
	if h.cfg.Guard.TLS != nil {
		h.cfg.Guard.TLS.NextProtos = httpProtocols
	}
	h.brokerTLS, h.cfg.ListenTLS = newLiveTLS(h.cfg.ListenTLS)
	h.httpTLS, h.cfg.Guard.TLS = newLiveTLS(h.cfg.Guard.TLS)
	return nil
}

var httpProtocols = []string{"h2", "http/1.1"}

// watchAccess reads users, tokens and certificates again on SIGHUP and when their files
// change, until the instance stops.
func (h *instance) watchAccess(ctx context.Context) error {
	if h.cfg.Reload == nil {
		return nil
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	hangup := make(chan os.Signal, 1)
	if !h.cfg.HangupStops && !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(hangup, syscall.SIGHUP)
	}
	var loop sync.WaitGroup
	loop.Go(func() { h.reloadOn(ctx, hangup) })
	h.onStop(func(context.Context) error {
		signal.Stop(hangup)
		stop()
		loop.Wait()
		return nil
	})
	return nil
}

func (h *instance) reloadOn(ctx context.Context, hangup <-chan os.Signal) {
	var look <-chan time.Time
	if len(h.cfg.AccessFiles) > 0 {
		ticker := time.NewTicker(reloadInterval)
		defer ticker.Stop()
		look = ticker.C
	}
	seen := fingerprint(h.cfg.AccessFiles)
	for {
		asked := false
		select {
		case <-hangup:
			asked = true
		case <-look:
		case <-ctx.Done():
			return
		}
		// Before the files are read: what changes after that is seen the next time.
		now := fingerprint(h.cfg.AccessFiles)
		if asked || now != seen {
			h.reload()
		}
		seen = now
	}
}

// fingerprint changes with the files, also with what symbolic links lead to.
func fingerprint(files []string) string {
	var sum strings.Builder
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			fmt.Fprintln(&sum, "none")
			continue
		}
		fmt.Fprintln(&sum, info.ModTime().UnixNano(), info.Size(), info.Mode())
	}
	return sum.String()
}

// reload reads the settings again and takes over what can change while the supervisor
// runs. If anything is wrong with them, everything stays as it is.
func (h *instance) reload() {
	next, err := h.cfg.Reload()
	if err == nil {
		err = h.replaceAccess(&next)
	}
	if err != nil {
		h.log.Error("users, tokens and certificates could not be read again; the previous ones stay", "error", err)
		return
	}
	h.log.Info("users, tokens and certificates were read again")
}

func (h *instance) replaceAccess(next *config.Config) error {
	if h.broker != nil && h.cfg.Access != nil && next.Access != nil {
		access := *next.Access
		access.Users = append(slices.Clone(access.Users), h.local)
		if err := h.broker.SetAccess(&access); err != nil {
			return err
		}
	}
	h.brokerTLS.set(next.ListenTLS)
	if next.Guard.TLS != nil {
		next.Guard.TLS.NextProtos = httpProtocols
	}
	h.httpTLS.set(next.Guard.TLS)
	h.web.SetTokens(next.Guard.Tokens)
	if h.broker == nil {
		return nil
	}
	return h.writeLocalBroker()
}
