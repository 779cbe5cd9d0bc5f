package web_test

import (
	"context"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/web"
)

// signalled is a store that records signals.
type signalled struct {
	missions.Store
	got []missions.SignalRequest
}

func (s *signalled) Signal(_ context.Context, batch []missions.SignalRequest) ([]missions.SignalResult, error) {
	s.got = append(s.got, batch...)
	return []missions.SignalResult{{Seq: len(s.got), Delivered: missions.DeliveredStored}}, nil
}

// A signal says who sent it: proven if a token proves it, whatever the client calls itself.
func TestASignalSaysWhoSentIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		guard   web.Guard
		headers []string
		by      string
		proven  bool
	}{
		"with a token":   {web.Guard{Tokens: tokens()}, []string{"Authorization", "Bearer token-of-operator", "Mission-Control-Client", "root"}, "the-operator", true},
		"with a name":    {web.Guard{}, []string{"Authorization", "Bearer token-of-operator", "Mission-Control-Client", "nightly/2.1"}, "nightly", false},
		"with a browser": {web.Guard{}, []string{"User-Agent", "curl/8.0"}, "curl", false},
	} {
		store := &signalled{}
		service, _ := newServiceWith(t, func(cfg *supervisor.Config) { store.Store, cfg.Store = cfg.Store, store })
		listener, err := web.Listen("127.0.0.1:0")
		must(t, err)
		server := web.Serve(listener, service, c.guard, quiet)
		t.Cleanup(func() { must(t, server.Stop(context.Background())) })
		status, text, _ := call(t, "POST", "http://"+server.Addr()+"/api/missions/m/signal", `{"name":"approved","data":"yes"}`, c.headers...)
		if status != 200 || text != `{"seq":1,"delivered":"stored"}`+"\n" {
			t.Fatalf("%s: %d %s", name, status, text)
		}
		if got := store.got[0]; got.By != c.by || got.ByProven != c.proven || got.MissionID != "m" || string(got.Data) != `"yes"` {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
