package natsapi_test

import (
	"fmt"
	"strings"
	"testing"

	"missioncontrol/supervisor/api"
)

// refusal is a request that must be refused, and how.
type refusal struct{ subject, body, code, field string }

// checkRefusals sends requests, and checks that each is refused and changes nothing.
func (r *rig) checkRefusals(refusals []refusal) {
	r.t.Helper()
	before := r.snapshot()
	for _, c := range refusals {
		msg := r.request(c.subject, []byte(c.body))
		e := checkErrorBody(r.t, c.subject, msg.Data)
		if code := msg.Header.Get("Nats-Service-Error-Code"); code != c.code || e.Field != c.field {
			r.t.Errorf("%s %.120s\n  got %s, field %q (%s)\n want %s, field %q", c.subject, c.body, code, e.Field, e.Message, c.code, c.field)
		}
	}
	if after := r.snapshot(); after != before {
		r.t.Errorf("bad input changed something:\nbefore %s\nafter  %s", before, after)
	}
}

// list returns a JSON array of n items.
func list(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func TestRefusalsOfConditionsNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	const create = "supervisor.missions.create"
	after := func(conditions string) string { return `{"id":"x","name":"x","after":` + conditions + `}` }
	r.checkRefusals([]refusal{
		{create, after(`{}`), "400", "after"},
		{create, after(`[{}]`), "400", "after[0]"},
		{create, after(`[{"mission":"a","batch":"b"}]`), "400", "after[0]"},
		{create, after(`[{"signal":"a"},{"misson":"a"}]`), "400", "after[1].misson"},
		{create, after(`[{"mission":7}]`), "400", "after[0].mission"},
		{create, after(`[{"mission":"a b"}]`), "400", "after[0].mission"},
		{create, after(`[{"batch":"a.b"}]`), "400", "after[0].batch"},
		{create, after(`[{"signal":"*"}]`), "400", "after[0].signal"},
		{create, after(`[{"mission":"x"}]`), "400", "after[0].mission"},
		{create, after(`[{"mission":"a"},{"mission":"a"}]`), "400", "after[1]"},
		{create, after(`[{"mission":"a","when":"failed"}]`), "400", "after[0].when"},
		{create, after(`[{"signal":"a","when":"ended"}]`), "400", "after[0].when"},
		{create, after(`[{"mission":"a","prompt":"why?"}]`), "400", "after[0].prompt"},
		{create, after(`[{"signal":"a","prompt":"` + strings.Repeat("x", 4<<10+1) + `"}]`), "413", "after[0].prompt"},
		{create, after(`[{"signal":"a","choices":"yes"}]`), "400", "after[0].choices"},
		{create, after(`[{"signal":"a","choices":["yes","yes"]}]`), "400", "after[0].choices[1]"},
		{create, after(`[{"signal":"a","choices":` + list(21, func(i int) string { return fmt.Sprintf(`"%d"`, i) }) + `}]`), "413", "after[0].choices"},
		{create, after(list(101, func(i int) string { return fmt.Sprintf(`{"signal":"s-%d"}`, i) })), "413", "after"},
		{create, `{"name":"x","after_timeout_seconds":1}`, "400", "after_timeout_seconds"},
		{create, `{"name":"x","after":[{"signal":"a"}],"after_timeout_seconds":-1}`, "400", "after_timeout_seconds"},
		{create, `{"name":"x","after":[{"signal":"a"}],"after_timeout_seconds":1e999}`, "400", "after_timeout_seconds"},
		{create, `{"name":"x","on_unmet":"run"}`, "400", "on_unmet"},
		{create, `{"name":"x","after":[{"signal":"a"}],"on_unmet":"ask"}`, "400", "on_unmet"},

		{create, `{"missions":[{"id":"a","name":"a","after":[{"mission":"b"}]},{"id":"b","name":"b","after":[{"mission":"a"}]}]}`, "400", "missions[1].after[0].mission"},
		{create, `{"missions":[{"id":"a","name":"a","after":[{"signal":"s"},{"mission":"a"}]},{"name":"c"}]}`, "400", "missions[0].after[1].mission"},
		{create, `{"missions":[{"id":"a","name":"a","after":[{"mission":"b"}]},{"id":"b","name":"b","after":[{"mission":"c"}]},` +
			`{"id":"c","name":"c","after":[{"mission":"a"}]}]}`, "400", "missions[2].after[0].mission"},
		{create, `{"missions":[{"id":"a","name":"a","parent_id":"b"},{"id":"b","name":"b","after":[{"mission":"a"}]}]}`, "400", "missions[1].after[0].mission"},
		{create, `{"missions":[{"id":"a","name":"a","after":[{"mission":"b"}]},{"id":"b","name":"b","parent_id":"a"}]}`, "400", "missions[1].parent_id"},
		{create, `{"missions":[{"name":"a","after":[{"signal":"s","wenn":"now"}]}]}`, "400", "missions[0].after[0].wenn"},
		{create, `{"id":"x","name":"x","parent_id":"x"}`, "400", "parent_id"},
		{create, `{"name":"x","parent_id":"a b"}`, "400", "parent_id"},
		{create, `{"name":"x","detached":true}`, "400", "detached"},
		{create, `{"name":"x","batch":"a b"}`, "400", "batch"},
		{create, `{"name":"x","close_batch":true}`, "400", "close_batch"},
		{create, `{"missions":[{"name":"x"}],"close_batch":true}`, "400", "close_batch"},
		{create, `{"missions":[{"name":"x","close_batch":true}]}`, "400", "missions[0].close_batch"},
	})
}

func TestRefusalsOfReportsAndSignalsNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.register("a1", "default")
	const (
		create, signal = "supervisor.missions.create", "supervisor.missions.signal"
		progress, fail = "supervisor.agent.a1.progress", "supervisor.agent.a1.fail"
		release, beat  = "supervisor.agent.a1.release", "supervisor.agent.a1.heartbeat"
		children       = "supervisor.agent.a1.create"
	)
	holder := func(fields string) string { return `{"mission_id":"m","lease":1,` + fields + `}` }
	r.checkRefusals([]refusal{
		{create, `{"name":"x","max_usage":{"usd":-1}}`, "400", "max_usage.usd"},
		{create, `{"name":"x","max_usage":{"USD":1}}`, "400", "max_usage"},
		{create, `{"name":"x","max_usage":{"usd":1},"on_exceeded":"stop"}`, "400", "on_exceeded"},
		{create, `{"name":"x","on_exceeded":"ask"}`, "400", "on_exceeded"},
		{create, `{"name":"x","retry_policy":{"factor":0.5}}`, "400", "retry_policy.factor"},
		{create, `{"name":"x","retry_policy":{"jitter":2}}`, "400", "retry_policy.jitter"},
		{create, `{"name":"x","retry_policy":{"retries":2}}`, "400", "retry_policy.retries"},

		{progress, holder(`"message":"x"`), "400", "percent"},
		{progress, holder(`"message":"x","usage":{"usd":1}`), "400", "percent"},
		{progress, holder(`"checkpoint":"` + strings.Repeat("x", 65<<10) + `"`), "413", "checkpoint"},
		{progress, holder(`"usage":{}`) + "x", "400", "body"},
		{progress, holder(`"usage":[]`), "400", "usage"},
		{progress, holder(`"usage":{"usd":1e999}`), "400", "usage.usd"},
		{progress, holder(`"usage":{"usd":NaN}`), "400", "usage.usd"},
		{progress, holder(`"usage":{"usd":"NaN"}`), "400", "usage.usd"},
		{progress, holder(`"usage":{"usd":"1"}`), "400", "usage.usd"},
		{progress, holder(`"usage":{"usd":-0.01}`), "400", "usage.usd"},
		{progress, holder(`"usage":{"in-tokens":1}`), "400", "usage"},
		{progress, holder(`"usage":{"` + strings.Repeat("x", 33) + `":1}`), "400", "usage"},
		{progress, holder(`"usage":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`), "413", "usage"},
		{"supervisor.agent.a1.complete", holder(`"checkpoint":[` + strings.Repeat("7,", 33<<10) + `7]`), "413", "checkpoint"},
		{fail, holder(`"error":"e","retry_after_seconds":-1`), "400", "retry_after_seconds"},
		{fail, holder(`"error":"e","retry_after_seconds":"1m"`), "400", "retry_after_seconds"},
		{fail, holder(`"error":"e","usage":{"usd":-1}`), "400", "usage.usd"},
		{release, holder(`"after":[{"mission":"m"}]`), "400", "after[0].mission"},
		{release, holder(`"after":[{"signal":"s","by":"me"}]`), "400", "after[0].by"},
		{release, holder(`"after_timeout_seconds":-1`), "400", "after_timeout_seconds"},
		{release, holder(`"after":` + list(101, func(i int) string { return fmt.Sprintf(`{"signal":"s-%d"}`, i) })), "413", "after"},
		{beat, `{"running":[{"mission_id":"m","lease":1,"seen":-1}]}`, "400", "seen"},

		{signal, `{"id":"m"}`, "400", "name"},
		{signal, `{"id":"m","name":"a b"}`, "400", "name"},
		{signal, `{"id":"m","name":"s","by":"root"}`, "400", "by"},
		{signal, `{"id":"m","name":"s","signal_id":"a b"}`, "400", "signal_id"},
		{signal, `{"id":"m","name":"s","data":"` + strings.Repeat("x", 64<<10) + `"}`, "413", "data"},
		{"supervisor.missions.retry", `{"id":"m","fresh":1}`, "400", "fresh"},
		{"supervisor.missions.list", `{"waiting":"forever"}`, "400", "waiting"},
		{"supervisor.missions.list", `{"parent_id":"a b"}`, "400", "parent_id"},
		{"supervisor.missions.list", `{"batch":"a b"}`, "400", "batch"},
		{"supervisor.missions.list", `{"keys":"k"}`, "400", "keys"},
		{"supervisor.batches.get", `{"id":"a b"}`, "400", "id"},
		{"supervisor.batches.list", `{"limit":1001}`, "400", "limit"},

		{children, holder(`"missions":[]`), "400", "missions"},
		{children, holder(`"missions":` + list(1001, func(int) string { return `{"name":"x"}` })), "413", "missions"},
		{children, holder(`"missions":[{"id":"a","name":"a","after":[{"mission":"b"}]},{"id":"b","name":"b","after":[{"mission":"a"}]}]`), "400", "missions[1].after[0].mission"},
		{"supervisor.agent.a1.signals", holder(`"after":-1`), "400", "after"},
		{"supervisor.agent.a1.inputs", holder(`"source":"a b"`), "400", "source"},
	})
}

// What only the store can know is refused, too: sources that do not exist, and answers that
// are none of the choices.
func TestRefusalsOfTheStoreNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	const create, signal = "supervisor.missions.create", "supervisor.missions.signal"
	_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: "done", Name: "done"})
	must(t, err)
	_, err = r.client.Cancel(t.Context(), "done", "")
	must(t, err)
	msg := r.request(create, []byte(`{"id":"deploy","name":"deploy","after":[{"signal":"approved","choices":["yes","no"]}]}`))
	if msg.Header.Get(api.HeaderErrorCode) != "" {
		t.Fatalf("%s", msg.Data)
	}
	r.checkRefusals([]refusal{
		{create, `{"name":"x","after":[{"signal":"s"},{"mission":"nowhere"}]}`, "400", "after[1].mission"},
		{create, `{"name":"x","after":[{"batch":"nowhere"}]}`, "400", "after[0].batch"},
		{create, `{"name":"x","parent_id":"nowhere"}`, "400", "parent_id"},
		{signal, `{"id":"deploy","name":"approved","data":"maybe"}`, "400", "data"},
		{signal, `{"id":"deploy","name":"approved"}`, "400", "data"},
		{signal, `{"id":"done","name":"approved"}`, "409", ""},
		{signal, `{"id":"nowhere","name":"approved"}`, "404", ""},
		{"supervisor.missions.graph", `{"id":"nowhere"}`, "404", ""},
		{"supervisor.batches.get", `{"id":"nowhere"}`, "404", ""},
		{"supervisor.agent.a1.signals", `{"mission_id":"nowhere","lease":1}`, "404", ""},
		{"supervisor.agent.a1.inputs", `{"mission_id":"nowhere","lease":1,"source":"x"}`, "404", ""},
		{"supervisor.agent.a1.create", `{"mission_id":"nowhere","lease":1,"missions":[{"name":"x"}]}`, "404", ""},
	})
}
