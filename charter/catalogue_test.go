package charter_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"missioncontrol/charter"
)

const (
	supervisorService = "supervisor_service"
	missionsService   = "missions_service"
)

// contract is what Charter guarantees for every type.
var contract = []struct {
	eventType, source, module string
	kind                      charter.Kind
	targeted                  bool
	fields                    string
}{
	{"supervisor.health_checked", supervisorService, "supervisor", charter.Telemetry, false, "status checked_at"},
	{
		"supervisor.status_queried", supervisorService, "supervisor", charter.Telemetry, false,
		"total_missions running_missions pending_missions completed_missions failed_missions cancelled_missions agent_count queried_at",
	},
	{"supervisor.agents_listed", supervisorService, "supervisor", charter.Telemetry, false, "agent_count queried_at"},
	{"supervisor.alert_raised", supervisorService, "alerts", charter.Durable, false, "rule metric value threshold since raised_at"},
	{"supervisor.alert_resolved", supervisorService, "alerts", charter.Durable, false, "rule metric value threshold since resolved_at"},
	{"mission.created", missionsService, "missions", charter.Durable, false, "mission_id name description type priority status created_at"},
	{"mission.status_changed", missionsService, "missions", charter.Durable, true, "mission_id old_status new_status changed_at reason attempt agent_id"},
	{"mission.log_appended", missionsService, "missions", charter.Durable, true, "mission_id log_level message appended_at"},
	{"mission.progressed", missionsService, "missions", charter.Telemetry, true, "mission_id percent message progressed_at"},
	{"mission.waiting", missionsService, "missions", charter.Durable, true, "mission_id conditions until turn changed_at"},
	{"mission.ready", missionsService, "missions", charter.Durable, true, "mission_id reason changed_at"},
	{"mission.signalled", missionsService, "missions", charter.Durable, true, "mission_id seq name by signalled_at"},
	{"mission.signal_seen", missionsService, "missions", charter.Durable, true, "mission_id seq agent_id seen_at"},
	{"limit.changed", missionsService, "limits", charter.Durable, false, "name by changed_at"},
	{"schedule.changed", missionsService, "schedules", charter.Durable, false, "schedule_id by changed_at"},
	{"schedule.missed", missionsService, "schedules", charter.Durable, false, "schedule_id count from to"},
	{"agent.online", supervisorService, "agents", charter.Durable, false, "agent_id name role types reason changed_at"},
	{"agent.offline", supervisorService, "agents", charter.Durable, false, "agent_id name role types reason changed_at"},
}

func TestCatalogueKeepsTheContract(t *testing.T) {
	t.Parallel()
	entries := charter.Catalogue()
	if len(entries) != len(contract) {
		t.Fatalf("the catalogue has %d types, want %d", len(entries), len(contract))
	}
	for i, want := range contract {
		e := entries[i]
		if e.Type != want.eventType || e.Source != want.source || e.SourceModule != want.module ||
			e.Kind != want.kind || e.Targeted != want.targeted {
			t.Errorf("entry %d: got %+v, want %+v", i, e, want)
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Name)
		}
		if got := strings.Join(fields, " "); got != want.fields {
			t.Errorf("%s: got fields %q, want %q", e.Type, got, want.fields)
		}
		if found, ok := charter.Lookup(want.eventType); !ok || found.Type != want.eventType {
			t.Errorf("Lookup(%q) = %+v, %v", want.eventType, found, ok)
		}
	}
	if _, ok := charter.Lookup("credits.charged"); ok {
		t.Error("Lookup has found a type that is not there")
	}
}

// The payloads write what the catalogue describes.
func TestCatalogueDescribesThePayloads(t *testing.T) {
	t.Parallel()
	for i, entry := range charter.Catalogue() {
		if got := entry.Example.EventType(); got != contract[i].eventType {
			t.Errorf("%s has an example of %s", contract[i].eventType, got)
		}
		names, forms := members(t, entry.Example.AppendJSON(nil))
		if got := strings.Join(names, " "); got != contract[i].fields {
			t.Errorf("%s writes %q, want %q", entry.Type, got, contract[i].fields)
		}
		for j, f := range entry.Fields {
			if want := tokenOf[f.Form]; forms[j] != want {
				t.Errorf("%s.%s is written as %s, want %s", entry.Type, f.Name, forms[j], want)
			}
		}
	}
}

var tokenOf = map[charter.Form]string{
	charter.FormText:   "string",
	charter.FormTexts:  "[]interface {}",
	charter.FormCount:  "float64",
	charter.FormNumber: "float64",
	charter.FormTime:   "float64",

	charter.FormConditions: "[]interface {}",
}

// members returns an object's names in order, and the Go types of its values.
func members(t *testing.T, object []byte) (names, types []string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(object)))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		types = append(types, reflect.TypeOf(value).String())
	}
	return names, types
}

func TestCatalogueIsDescribed(t *testing.T) {
	t.Parallel()
	sentence := regexp.MustCompile(`^[A-Z][^.]*\.$`)
	for _, entry := range charter.Catalogue() {
		if !sentence.MatchString(entry.Description) || !sentence.MatchString(entry.When) {
			t.Errorf("%s: %q, %q: want a sentence each", entry.Type, entry.Description, entry.When)
		}
		for _, f := range entry.Fields {
			if !sentence.MatchString(f.Description) {
				t.Errorf("%s.%s: %q: want one sentence", entry.Type, f.Name, f.Description)
			}
			if measured := f.Form != charter.FormText && f.Form != charter.FormTexts && f.Form != charter.FormConditions; measured != (f.Unit != "") {
				t.Errorf("%s.%s has the unit %q", entry.Type, f.Name, f.Unit)
			}
		}
	}
}

func TestCatalogueIsTheCallersCopy(t *testing.T) {
	t.Parallel()
	charter.Catalogue()[0].Type = "changed.by_a_caller"
	if got := charter.Catalogue()[0].Type; got != "supervisor.health_checked" {
		t.Errorf("got %q", got)
	}
}

func TestKindString(t *testing.T) {
	t.Parallel()
	for kind, want := range map[charter.Kind]string{
		charter.Telemetry: "telemetry", charter.Durable: "durable", 0: "unknown", 9: "unknown",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Kind(%d) = %q, want %q", kind, got, want)
		}
	}
}
