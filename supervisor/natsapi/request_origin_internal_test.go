package natsapi

import "testing"

func TestPermissionsToPublish(t *testing.T) {
	t.Parallel()
	const subject = "supervisor.agent.w1.claim"
	for pattern, want := range map[string]bool{
		">": true, "supervisor.>": true, "supervisor.agent.*.claim": true, subject: true, "*.*.*.*": true,
		"supervisor.agent.w1.claim.>": false, "supervisor.agent.*": false, "supervisor.agent.w2.>": false, "*.*.*.*.*": false, "": false,
	} {
		if got := mayPublish([]string{"events.>", pattern}, nil, subject); got != want {
			t.Errorf("allowed %q: %t, want %t", pattern, got, want)
		}
		if got := mayPublish(nil, []string{"events.>", pattern}, subject); got == want {
			t.Errorf("denied %q: %t, want %t", pattern, got, !want)
		}
	}
	if !mayPublish(nil, nil, subject) {
		t.Error("no permissions allow everything")
	}
}

func TestWhoseConnectionItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connection
		want bool
	}{
		"nobody signs in":             {connection{}, true},
		"as the supervisor":           {connection{User: "shared"}, true},
		"of the agent's name":         {connection{User: "w1"}, true},
		"of its name in a JWT":        {connection{User: "UABC", UserName: "w1"}, true},
		"subscribes to its commands":  {connection{User: "UABC", Subscriptions: []string{"supervisor.agent.w1.commands"}}, true},
		"subscribes to its inbox":     {connection{User: "UABC", Subscriptions: []string{"_INBOX.w1.xyz.*"}}, true},
		"another agent":               {connection{User: "w2", UserName: "w2", Subscriptions: []string{"_INBOX.w2.>", "supervisor.agent.w2.commands"}}, false},
		"an agent with a longer name": {connection{User: "UABC", Subscriptions: []string{"_INBOX.w11.>", "_INBOX.w1"}}, false},
		"an admin":                    {connection{User: "admin", Subscriptions: []string{"_INBOX.xyz.*"}}, false},
	} {
		if got := c.ownedBy("w1", "shared"); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
