package missions

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

// valid returns a mission that follows every rule.
func valid() Mission {
	m := Mission{
		ID: "m-1_A", Name: "Ünïcode", Description: "two\nlines", Data: json.RawMessage(`{"a":1}`), Tags: []string{"red"},
		TimeoutSeconds: 1.5, StallSeconds: 0.5, NotBefore: 1, Deadline: 2, CorrelationID: "any line",
	}
	m.Normalize()
	return m
}

func TestValidateAllows(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Mission){
		"a mission like any other":  func(*Mission) {},
		"the longest name":          func(m *Mission) { m.Name = strings.Repeat("ü", 200) },
		"the longest id":            func(m *Mission) { m.ID = strings.Repeat("x", 64) },
		"the longest description":   func(m *Mission) { m.Description = strings.Repeat("x", 16<<10) },
		"the largest data":          func(m *Mission) { m.Data = json.RawMessage(`{"x":"` + strings.Repeat("x", 512<<10-8) + `"}`) },
		"the most tags":             func(m *Mission) { m.Tags = strings.Split(strings.Repeat("t,", 31)+"t", ",") },
		"the most attempts":         func(m *Mission) { m.MaxAttempts = 1000 },
		"one attempt":               func(m *Mission) { m.MaxAttempts = 1 },
		"the longest timeout":       func(m *Mission) { m.TimeoutSeconds = 366 * 24 * 3600 },
		"the longest stall":         func(m *Mission) { m.StallSeconds = 366 * 24 * 3600 },
		"no stall":                  func(m *Mission) { m.StallSeconds = 0 },
		"the latest deadline":       func(m *Mission) { m.Deadline = 9_007_199_254_740_991 },
		"no correlation id":         func(m *Mission) { m.CorrelationID = "" },
		"quotes, and what HTML has": func(m *Mission) { m.Name = `"<&>' OR 1=1 --` },
	} {
		m := valid()
		change(&m)
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Mission)
		want   *Error
		field  string
	}{
		"no name":                 {func(m *Mission) { m.Name = "" }, ErrInvalid, "name"},
		"a long name":             {func(m *Mission) { m.Name = strings.Repeat("x", 201) }, ErrTooLarge, "name"},
		"a long name in runes":    {func(m *Mission) { m.Name = strings.Repeat("ü", 201) }, ErrTooLarge, "name"},
		"a very long name":        {func(m *Mission) { m.Name = strings.Repeat("x", 2000) }, ErrTooLarge, "name"},
		"a name with NUL":         {func(m *Mission) { m.Name = "a\x00b" }, ErrInvalid, "name"},
		"a name with a line end":  {func(m *Mission) { m.Name = "a\nb" }, ErrInvalid, "name"},
		"a name with DEL":         {func(m *Mission) { m.Name = "a\x7fb" }, ErrInvalid, "name"},
		"a name with C1":          {func(m *Mission) { m.Name = "a\u0085b" }, ErrInvalid, "name"},
		"a name not in UTF-8":     {func(m *Mission) { m.Name = "a\xff" }, ErrInvalid, "name"},
		"no id":                   {func(m *Mission) { m.ID = "" }, ErrInvalid, "id"},
		"a long id":               {func(m *Mission) { m.ID = strings.Repeat("x", 65) }, ErrInvalid, "id"},
		"an id with a dot":        {func(m *Mission) { m.ID = "a.b" }, ErrInvalid, "id"},
		"an id with a star":       {func(m *Mission) { m.ID = "*" }, ErrInvalid, "id"},
		"an id with >":            {func(m *Mission) { m.ID = ">" }, ErrInvalid, "id"},
		"an id with a space":      {func(m *Mission) { m.ID = "a b" }, ErrInvalid, "id"},
		"an id with an umlaut":    {func(m *Mission) { m.ID = "ä" }, ErrInvalid, "id"},
		"a long description":      {func(m *Mission) { m.Description = strings.Repeat("x", 16<<10+1) }, ErrTooLarge, "description"},
		"a description with NUL":  {func(m *Mission) { m.Description = "\x00" }, ErrInvalid, "description"},
		"no type":                 {func(m *Mission) { m.Type = "" }, ErrInvalid, "type"},
		"a type with a slash":     {func(m *Mission) { m.Type = "a/b" }, ErrInvalid, "type"},
		"large data":              {func(m *Mission) { m.Data = json.RawMessage(`{"x":"` + strings.Repeat("x", 512<<10) + `"}`) }, ErrTooLarge, "data"},
		"data that is a list":     {func(m *Mission) { m.Data = json.RawMessage(`[]`) }, ErrInvalid, "data"},
		"no data":                 {func(m *Mission) { m.Data = nil }, ErrInvalid, "data"},
		"too many tags":           {func(m *Mission) { m.Tags = make([]string, 33) }, ErrTooLarge, "tags"},
		"a tag that is no token":  {func(m *Mission) { m.Tags = []string{"ok", "not ok"} }, ErrInvalid, "tags[1]"},
		"an empty tag":            {func(m *Mission) { m.Tags = []string{""} }, ErrInvalid, "tags[0]"},
		"an unknown priority":     {func(m *Mission) { m.Priority = "high" }, ErrInvalid, "priority"},
		"no attempt":              {func(m *Mission) { m.MaxAttempts = 0 }, ErrInvalid, "max_attempts"},
		"negative attempts":       {func(m *Mission) { m.MaxAttempts = -1 }, ErrInvalid, "max_attempts"},
		"too many attempts":       {func(m *Mission) { m.MaxAttempts = 1001 }, ErrInvalid, "max_attempts"},
		"a negative timeout":      {func(m *Mission) { m.TimeoutSeconds = -1 }, ErrInvalid, "timeout_seconds"},
		"a long timeout":          {func(m *Mission) { m.TimeoutSeconds = 366*24*3600 + 1 }, ErrInvalid, "timeout_seconds"},
		"a timeout of NaN":        {func(m *Mission) { m.TimeoutSeconds = math.NaN() }, ErrInvalid, "timeout_seconds"},
		"an endless timeout":      {func(m *Mission) { m.TimeoutSeconds = math.Inf(1) }, ErrInvalid, "timeout_seconds"},
		"a negative stall":        {func(m *Mission) { m.StallSeconds = -1 }, ErrInvalid, "stall_seconds"},
		"a long stall":            {func(m *Mission) { m.StallSeconds = 366*24*3600 + 1 }, ErrInvalid, "stall_seconds"},
		"a stall of NaN":          {func(m *Mission) { m.StallSeconds = math.NaN() }, ErrInvalid, "stall_seconds"},
		"not_before the epoch":    {func(m *Mission) { m.NotBefore = -1 }, ErrInvalid, "not_before"},
		"not_before far off":      {func(m *Mission) { m.NotBefore = 1 << 53 }, ErrInvalid, "not_before"},
		"a deadline far off":      {func(m *Mission) { m.Deadline = math.MaxInt64 }, ErrInvalid, "deadline"},
		"a negative deadline":     {func(m *Mission) { m.Deadline = -1 }, ErrInvalid, "deadline"},
		"a long correlation id":   {func(m *Mission) { m.CorrelationID = strings.Repeat("x", 201) }, ErrTooLarge, "correlation_id"},
		"a correlation id in two": {func(m *Mission) { m.CorrelationID = "a\r\nb" }, ErrInvalid, "correlation_id"},
	} {
		m := valid()
		c.change(&m)
		err := m.Validate()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %s", name, err, c.want.Code)
		}
		var domain *Error
		if errors.As(err, &domain) && domain.Field != c.field {
			t.Errorf("%s: the error names %q, want %q", name, domain.Field, c.field)
		}
	}
}

func TestNormalizeKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	m := Mission{ID: "m", Type: "t", Priority: Low, MaxAttempts: 7, Data: json.RawMessage(`{"a":1}`), Tags: []string{"x"}, Status: Failed}
	m.Normalize()
	if m.ID != "m" || m.Type != "t" || m.Priority != Low || m.MaxAttempts != 7 || string(m.Data) != `{"a":1}` || m.Tags[0] != "x" {
		t.Errorf("what was given is changed: %+v", m)
	}
	if m.Status != Pending {
		t.Errorf("status is %s, want PENDING", m.Status)
	}
	null := Mission{Data: json.RawMessage(`null`)}
	null.Normalize()
	if string(null.Data) != "{}" {
		t.Errorf("data null becomes %s, want {}", null.Data)
	}
}
