package charter_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"missioncontrol/charter"
)

func compile(t testing.TB, name string) *jsonschema.Schema {
	t.Helper()
	text, ok := charter.Schema(name)
	if !ok {
		t.Fatalf("%s has no schema", name)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("urn:charter:1.0:"+name, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("urn:charter:1.0:" + name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t testing.TB, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(doc)
}

func TestGoldensMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	envelope := compile(t, "envelope")
	for _, name := range goldens(t) {
		text := golden(t, name)
		if err := validate(t, envelope, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if e, ok := ours[name]; ok {
			if err := validate(t, compile(t, e.Type), text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestFreshEventsMatchTheirSchemas(t *testing.T) {
	t.Parallel()
	envelope := compile(t, "envelope")
	for _, entry := range charter.Catalogue() {
		e := charter.New(entry.Example, micros(1703001234_567891))
		text := encode(t, e)
		if err := validate(t, envelope, text); err != nil {
			t.Errorf("%s: %v", entry.Type, err)
		}
		if err := validate(t, compile(t, entry.Type), text); err != nil {
			t.Errorf("%s: %v", entry.Type, err)
		}
	}
}

// A schema rejects an event without any one of its payload fields.
func TestSchemasRefuseMissingFields(t *testing.T) {
	t.Parallel()
	for _, c := range contract {
		schema := compile(t, c.eventType)
		text := string(golden(t, c.eventType))
		for _, name := range append(strings.Fields(c.fields), "id", "source", "target", "timestamp", "payload", "meta") {
			renamed := strings.Replace(text, `"`+name+`":`, `"`+name+`_":`, 1)
			if err := validate(t, schema, []byte(renamed)); err == nil {
				t.Errorf("%s: its schema accepts an event without %s", c.eventType, name)
			}
		}
	}
}

func TestSchemasRefuseBadValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ golden, old, new string }{
		{"supervisor.health_checked", `"ok"`, `true`},
		{"supervisor.health_checked", `"supervisor_service"`, `"other"`},
		{"supervisor.health_checked", `"target":null`, `"target":"mission_1"`},
		{"supervisor.health_checked", `"checked_at":1703001234.567`, `"checked_at":-1`},
		{"supervisor.health_checked", `"timestamp":1703001234.567`, `"timestamp":"2023-12-19T15:53:54Z"`},
		{"supervisor.status_queried", `150`, `150.5`},
		{"supervisor.status_queried", `"schema_version":1`, `"schema_version":0`},
		{"supervisor.alert_raised", `0.9`, `null`},
		{"mission.progressed", `62.5`, `101`},
		{"mission.status_changed", `"mission_018cbf2e`, `"018cbf2e`},
		{"agent.online", `"default"`, `7`},
		{"mission.created", `"meta":{`, `"meta":{"outbox_position":0,`},
		{"mission.created", `"meta":{`, `"meta":{"outbox":7,`},
		{"mission.created", `"meta":{`, `"meta":{"outbox_positions":{"a":"7"},`},
		{"envelope", `credits.charged`, `credits`},
		{"envelope", `0b5b7f0e-6f0c`, `0b5b7f0e6f0c`},
		{"envelope", `"target":null`, `"target":""`},
		{"envelope", `"timestamp":0.0`, `"timestamp":"today"`},
		{"envelope", `"timestamp":0.0`, `"timestamp":253402300800`},
	} {
		name := c.golden
		if name == "envelope" {
			name = "foreign_minimal"
		}
		text := strings.Replace(string(golden(t, name)), c.old, c.new, 1)
		if err := validate(t, compile(t, c.golden), []byte(text)); err == nil {
			t.Errorf("the schema of %s accepts %s", c.golden, c.new)
		}
	}
}

func TestSchemaOfUnknownType(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "credits.charged", "../doc", "/etc/passwd"} {
		if b, ok := charter.Schema(name); ok || b != nil {
			t.Errorf("Schema(%q) = %q, true", name, b)
		}
	}
}
