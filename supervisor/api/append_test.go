package api_test

import (
	stdjson "encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// reflected encodes a value as everything is encoded that is not written by hand.
func reflected(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
}

// sameBytes checks that a reply has the bytes that reflection writes, or fails like it.
func sameBytes(t *testing.T, reply any) {
	t.Helper()
	want, refused := reflected(reply)
	got, err := api.Encode(reply)
	if (err == nil) != (refused == nil) {
		t.Fatalf("%#v: got %v, want %v", reply, err, refused)
	}
	if err == nil && string(got) != string(want) {
		t.Fatalf("%#v\ngot  %s\nwant %s", reply, got, want)
	}
}

// around returns every reply that has missions, with one.
func around(m *missions.Mission, r random) []any {
	yes := r.IntN(2) == 0
	failure := r.failure()
	return []any{
		api.Mission{Mission: *m},
		api.MissionList{Missions: []missions.Mission{*m, *m}, NextCursor: api.Cursor(r.IntN(2) * r.Int())},
		api.Claimed{Missions: []missions.Mission{*m}},
		api.Waited{Missions: []missions.Mission{*m, *m}, Done: yes},
		api.Waited{Missions: []missions.Mission{*m}, Deleted: []string{"a", "b"}, Done: yes},
		api.CreateReply{Created: &api.Created{Mission: m, Created: &yes}},
		api.CreateReply{Results: []api.Created{{Mission: m, Created: &yes}, {Error: failure}, {}, {Created: &yes, Error: failure}}},
		api.CreateReply{Created: &api.Created{Mission: m}, Results: []api.Created{{Mission: m}}},
		api.FinishReply{Finished: &api.Finished{Mission: m}},
		api.FinishReply{Finished: &api.Finished{Error: failure}},
		api.FinishReply{Results: []api.Finished{{Mission: m}, {Error: failure}, {}, {Mission: m, Error: failure}}},
	}
}

// Replies with missions have the bytes that reflection writes, for missions with any
// content.
func TestRepliesWithMissionsEqualReflection(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := random{rand.New(rand.NewPCG(seed, 0))}
	for range 2000 {
		var m missions.Mission
		r.fill(reflect.ValueOf(&m).Elem(), 0.6)
		for _, reply := range around(&m, r) {
			sameBytes(t, reply)
		}
	}
	for _, reply := range []any{api.MissionList{}, api.Claimed{}, api.Waited{}, api.Waited{Deleted: []string{}}, api.CreateReply{}, api.FinishReply{},
		api.CreateReply{Results: []api.Created{}}, api.FinishReply{Results: []api.Finished{}}} {
		sameBytes(t, reply)
	}
}

// Each field is written if it alone is set, and if it alone is not.
func TestEachFieldOfAMissionIsWritten(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(1, 2))}
	for i := range reflect.TypeFor[missions.Mission]().NumField() {
		var alone, others missions.Mission
		for reflect.DeepEqual(alone, missions.Mission{}) { // -0 does not count
			r.fill(reflect.ValueOf(&alone).Elem().Field(i), 1)
		}
		r.fill(reflect.ValueOf(&others).Elem(), 1)
		reflect.ValueOf(&others).Elem().Field(i).SetZero()
		sameBytes(t, api.Mission{Mission: alone})
		sameBytes(t, api.Mission{Mission: others})
	}
}

// A value that is not JSON is an error of the reply. It cannot break the reply's JSON.
func TestBrokenContentIsNotSent(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{``, `{`, `}`, `{"a":1}}`, `{"a":1},"b":{}`, `{"a":1,"a":2}`, `nul`, `"`, "\"\x01\"", `{"a":01}`, `1 2`} {
		m := missions.Mission{ID: "m", Data: stdjson.RawMessage(broken)}
		for _, reply := range []any{api.Mission{Mission: m}, api.Claimed{Missions: []missions.Mission{m}},
			api.FinishReply{Results: []api.Finished{{Mission: &m}}}, api.CreateReply{Created: &api.Created{Mission: &m}}} {
			if got, err := api.Encode(reply); err == nil {
				t.Errorf("%q was sent: %s", broken, got)
			}
			sameBytes(t, reply)
		}
	}
	for _, percent := range []float64{math.NaN(), math.Inf(1)} {
		sameBytes(t, api.Mission{Mission: missions.Mission{Progress: &missions.Progress{Percent: percent}}})
		sameBytes(t, api.Mission{Mission: missions.Mission{TimeoutSeconds: percent}})
	}
}

// The reply to a brief request is the reply to any other without most fields of its
// missions.
func TestBriefReplies(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	failure := &api.Error{Code: missions.CodeConflict, Message: "exists"}
	broken := missions.Mission{ID: "b\"", Status: missions.Failed, Data: stdjson.RawMessage("{")} // not sent
	m := benchmarkMission
	for want, reply := range map[string]any{
		`{"mission":{"id":"` + m.ID + `","status":"COMPLETED"},"created":true}`: api.CreateReply{Brief: true, Created: &api.Created{Mission: &m, Created: &yes}},
		`{"results":[{"mission":{"id":"b\"","status":"FAILED"},"created":false},{"error":{"code":"conflict","message":"exists"}}]}`: api.CreateReply{Brief: true,
			Results: []api.Created{{Mission: &broken, Created: &no}, {Error: failure}}},
		`{"mission":{"id":"b\"","status":"FAILED"}}`: api.FinishReply{Brief: true, Finished: &api.Finished{Mission: &broken}},
		`{"results":[{"error":{"code":"conflict","message":"exists"}},{"mission":{"id":"` + m.ID + `","status":"COMPLETED"}}]}`: api.FinishReply{Brief: true,
			Results: []api.Finished{{Error: failure}, {Mission: &m}}},
	} {
		if got, err := api.Encode(reply); err != nil || string(got) != want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, want)
		}
	}
}

func FuzzEncodeMission(f *testing.F) {
	f.Add("one", `{"n":1}`, 12.5, int64(1703001234_567000), uint64(1))
	f.Add("a\"\\\x00\x7f\xff\u2028<é", ` { "a" : [ 1 , "\u0041\/" ] } `, 1e-7, int64(-1), uint64(2))
	f.Add("", "\"\xff\"", math.Copysign(0, -1), int64(0), uint64(3))
	f.Fuzz(func(t *testing.T, text, data string, number float64, at int64, seed uint64) {
		r := random{rand.New(rand.NewPCG(seed, 0))}
		var m missions.Mission
		r.fill(reflect.ValueOf(&m).Elem(), 0.5)
		m.Name, m.Error, m.Tags = text, missions.Text(text), append(m.Tags, text)
		m.Data, m.TimeoutSeconds = stdjson.RawMessage(data), number
		m.CreatedAt, m.Lease = missions.Time(at), at
		for _, reply := range around(&m, r) {
			sameBytes(t, reply)
		}
	})
}

// random makes values of every kind that a mission has.
type random struct{ *rand.Rand }

// fill sets a value, or leaves it zero with the rest of the probability.
func (r random) fill(v reflect.Value, probability float64) {
	if r.Float64() >= probability {
		return
	}
	if v.Type() == reflect.TypeFor[stdjson.RawMessage]() {
		v.SetBytes([]byte(r.raw(3)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			r.fill(v.Field(i), probability)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.fill(v.Elem(), probability)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			r.fill(v.Index(i), 1)
		}
	case reflect.String:
		v.SetString(r.text())
	case reflect.Int, reflect.Int64:
		v.SetInt(r.integer())
	case reflect.Float64:
		v.SetFloat(r.number())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range r.IntN(4) {
			value := reflect.New(v.Type().Elem()).Elem()
			r.fill(value, 1)
			v.SetMapIndex(reflect.ValueOf([]string{"usd", "a-1", "input_tokens", "Z"}[i]), value)
		}
	default:
		panic("a mission has a new kind of field: " + v.Type().String())
	}
}

func (r random) failure() *api.Error {
	var failure api.Error
	r.fill(reflect.ValueOf(&failure).Elem(), 0.7)
	return &failure
}

func (r random) integer() int64 {
	return []int64{1, -1, 7, 1703001234_567000, 1703001234_000000, math.MaxInt64, math.MinInt64 + 1, r.Int64N(2e15), -r.Int64N(2e15)}[r.IntN(9)]
}

func (r random) number() float64 {
	return []float64{math.Copysign(0, -1), 1, -1.5, 0.1, 1e21, 1e20, 1e-6, 1e-7, 1.5e-9, 1e-10, 1e300, 5e-324, math.MaxFloat64,
		1 << 53, r.Float64() * 1e9, r.ExpFloat64(), math.Float64frombits(r.Uint64() &^ (1 << 62))}[r.IntN(17)]
}

func (r random) text() string {
	pieces := []string{"a", "resize cat.png", " ", `"`, `\`, "\n", "\t", "\r", "\x00", "\x1f", "\x7f", "é", "界", "\U0001F600", "\u2028", "\u2029",
		"\ufffd", "\xff", "\xed\xa0\x80", "\xc3", "<b>&amp;</b>", "/", `A`}
	text := "x"
	for range r.IntN(5) {
		text += pieces[r.IntN(len(pieces))]
	}
	return text
}

// raw returns JSON in any of its spellings.
func (r random) raw(depth int) string {
	gap := []string{"", "", "", " ", "\n\t", "\r "}[r.IntN(6)]
	if depth == 0 || r.IntN(3) == 0 {
		leaves := []string{"null", "true", "false", "0", "-0", "1.50", "1e2", "1E+400", "-12.5e-3", `""`, `"a b"`, `"\u0041\/\n\""`, `"é界"`,
			`"\u2028"`, `"\ud83d\ude00"`, "\"\xff\"", `{}`, `[]`, `{ }`, "[\n]", "12345678901234567890", `"{[,:]}"`, `"\\"`}
		return gap + leaves[r.IntN(len(leaves))] + gap
	}
	names := []string{`"a"`, `"b c"`, `"\u0064"`, `"é"`}
	text, end := gap+"[", "]"
	object := r.IntN(2) == 0
	if object {
		text, end = gap+"{", "}"
	}
	for i := range r.IntN(4) {
		if i > 0 {
			text += "," + gap
		}
		if object {
			text += names[i] + gap + ":"
		}
		text += r.raw(depth - 1)
	}
	return text + gap + end + gap
}

var benchmarkMission = missions.Mission{ID: "0197a2c0-0000-7000-8000-000000000001", Name: "bench", Type: "bench", Data: stdjson.RawMessage(`{"n":1}`),
	Priority: missions.Normal, Status: missions.Completed, Tags: []string{}, MaxAttempts: 3, Attempt: 1, AgentID: "bench",
	Result: stdjson.RawMessage(`{"ok":true}`), CreatedAt: 1703001234_567000, UpdatedAt: 1703001234_567890, StartedAt: 1703001234_567001, FinishedAt: 1703001234_567890}

func BenchmarkEncodeMission(b *testing.B) {
	reply := api.FinishReply{Finished: &api.Finished{Mission: &benchmarkMission}}
	b.Run("written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = api.Encode(reply)
		}
	})
	b.Run("reflected", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = reflected(reply)
		}
	})
}
