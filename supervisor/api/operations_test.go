package api_test

import (
	"os"
	"strings"
	"testing"

	"missioncontrol/supervisor/api"
)

// docs/PROTOCOL.md describes every operation: by its subject or an agent's verb, and by
// its path, in full or shortened in a row that lists several.
func TestEveryOperationIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := func(names ...string) bool {
		for _, name := range names {
			if strings.Contains(string(text), "`"+name+"`") {
				return true
			}
		}
		return false
	}
	for _, op := range api.Operations() {
		if verb, isAgents := strings.CutPrefix(op.Subject, api.AgentSubject("*", "")); op.Subject != "" && (!documented(op.Subject, verb) ||
			isAgents != (op.Access == api.AccessAgent)) {
			t.Errorf("docs/PROTOCOL.md does not describe %s", op.Subject)
		}
		if op.HTTP == "" {
			continue
		}
		method, path, _ := strings.Cut(strings.NewReplacer("{id}", "ID", "{agent}", "AGENT").Replace(op.HTTP), " ")
		if op.Access == api.AccessAgent && op.Subject != "" {
			path = "/api/agents/AGENT/VERB" // for each of the verbs
		}
		last := path[strings.LastIndex(path, "/"):]
		if !documented(op.HTTP, method+" "+path, path, last, "…/ID"+last, method+"`, `DELETE "+path) {
			t.Errorf("docs/PROTOCOL.md does not describe %s", op.HTTP)
		}
	}
}
