package charter

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// randomPayload returns a payload of the entry's type whose fields hold anything.
func randomPayload(random *rand.Rand, e *Entry) reflect.Value {
	p := reflect.New(reflect.TypeOf(e.Example)).Elem()
	for i, f := range e.Fields {
		switch f.Form {
		case FormText:
			text := make([]byte, random.IntN(20))
			for j := range text {
				text[j] = byte(random.IntN(256))
			}
			p.Field(i).SetString(string(text))
		case FormCount:
			p.Field(i).SetInt(random.Int64())
		case FormTime:
			p.Field(i).Set(reflect.ValueOf(time.UnixMicro(random.Int64N(maxMicros*2) - maxMicros/2)))
		default:
			panic("a direct payload has no such field yet: " + f.Name)
		}
	}
	return p
}

// Payloads that are appended without reflection are written like all others.
func TestDirectPayloads(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	tested := 0
	for i := range catalogue {
		e := &catalogue[i]
		if _, ok := e.Example.(direct); !ok {
			continue
		}
		tested++
		for range 2000 {
			value := randomPayload(random, e)
			p := value.Interface().(Payload)
			want := string(e.appendJSON(nil, value))
			if got := string(p.AppendJSON(nil)); got != want {
				t.Fatalf("%s: got  %s\nwant %s", e.Type, got, want)
			}
			if event := New(p, time.Now()); string(event.Payload) != want {
				t.Fatalf("%s: got  %s\nwant %s", e.Type, event.Payload, want)
			}
		}
	}
	if tested != 3 {
		t.Fatalf("%d types tested", tested)
	}
}

// Keys of meta in their written form come where those in Extra would.
func TestWrittenMeta(t *testing.T) {
	t.Parallel()
	e := New(HealthChecked{Status: "ok", CheckedAt: exampleTime}, exampleTime)
	e.Meta.SetWritten([]byte(`"a":1,"b":"x"`))
	got, err := Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(decoded.Meta.Extra["a"]) != "1" || string(decoded.Meta.Extra["b"]) != `"x"` || len(decoded.Meta.Extra) != 2 {
		t.Fatalf("%s reads as %v", got, decoded.Meta.Extra)
	}
	if again, err := Encode(&decoded); err != nil || string(again) != string(got) {
		t.Fatalf("%s became %s, %v", got, again, err)
	}
}

// An encoding is patched only for an event that differs in nothing but its ID.
func TestReencode(t *testing.T) {
	t.Parallel()
	first := New(HealthChecked{Status: "ok", CheckedAt: exampleTime}, exampleTime)
	first.Meta.SetWritten([]byte(`"a":1`))
	for name, c := range map[string]struct {
		change func(e *Event)
		want   bool
	}{
		"the same":      {func(*Event) {}, true},
		"equal written": {func(e *Event) { e.Meta.SetWritten([]byte(`"a":1`)) }, true},
		"written":       {func(e *Event) { e.Meta.SetWritten([]byte(`"a":2`)) }, false},
		"trace":         {func(e *Event) { e.Meta.Traceparent = "x" }, false},
		"correlation":   {func(e *Event) { e.Meta.CorrelationID = "x" }, false},
		"meta":          {func(e *Event) { e.Meta.Extra = map[string]json.RawMessage{"x": []byte("1")} }, false},
		"extra":         {func(e *Event) { e.Extra = map[string]json.RawMessage{"x": []byte("1")} }, false},
		"time":          {func(e *Event) { e.Timestamp = e.Timestamp.Add(time.Microsecond) }, false},
		"type":          {func(e *Event) { e.Type = "a.b" }, false},
		"source":        {func(e *Event) { e.Source = "x" }, false},
		"target":        {func(e *Event) { e.Target = "x" }, false},
		"payload":       {func(e *Event) { e.Payload = []byte(`{}`) }, false},
		"no ID":         {func(e *Event) { e.ID = [16]byte{} }, false},
		"producer":      {func(e *Event) { e.Meta.Producer = "x" }, false},
		"module":        {func(e *Event) { e.Meta.SourceModule = "x" }, false},
		"version":       {func(e *Event) { e.Meta.SchemaVersion = 2 }, false},
	} {
		encoded, err := Encode(&first)
		if err != nil {
			t.Fatal(err)
		}
		before := string(encoded)
		again := first.Again()
		c.change(&again)
		if got := again.Reencode(encoded, &first); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
		want := before
		if c.want {
			fresh, err := again.AppendJSON(nil)
			if err != nil {
				t.Fatal(err)
			}
			want = string(fresh)
		}
		if string(encoded) != want {
			t.Errorf("%s: got  %s\nwant %s", name, encoded, want)
		}
	}
}
