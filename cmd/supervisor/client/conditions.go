package client

import (
	"fmt"
	"slices"
	"strings"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// conditionFlags are the conditions of a mission as they are typed: --after, and --prompt and
// --choice, which belong to a signal.
type conditionFlags struct {
	conditions []missions.Condition
	questions  []question
}

// question is a --prompt or a --choice.
type question struct {
	flag, text string
	of         int // the condition before it; -1 if there was none
}

// complete returns the conditions. What is asked belongs to the only signal or, if there are
// several, to the one before it.
func (f *conditionFlags) complete() ([]missions.Condition, error) {
	all := slices.Clone(f.conditions)
	var signals []int
	for i := range all {
		if slices.ContainsFunc(all[:i], func(c missions.Condition) bool { return c.String() == all[i].String() }) {
			return nil, ui.Usagef("--after names the %s twice", &all[i])
		}
		if all[i].Signal != "" {
			signals = append(signals, i)
		}
	}
	for _, q := range f.questions {
		of := q.of
		if len(signals) == 1 {
			of = signals[0]
		}
		if of < 0 || all[of].Signal == "" {
			return nil, ui.Usagef("--%s needs --after signal:NAME before it", q.flag)
		}
		c := &all[of]
		switch {
		case q.flag == "choice":
			c.Choices = append(slices.Clone(c.Choices), q.text)
		case c.Prompt != "":
			return nil, ui.Usagef("--prompt is given twice for the signal %s", c.Signal)
		default:
			c.Prompt = q.text
		}
	}
	return all, nil
}

// afterFlag is --after.
type afterFlag struct{ into *conditionFlags }

func (f afterFlag) String() string { return "" }

func (f afterFlag) Type() string { return "CONDITION" }

func (f afterFlag) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		c, ok := parseCondition(part)
		if !ok {
			return fmt.Errorf("not %s", f.Wanted())
		}
		f.into.conditions = append(f.into.conditions, c)
	}
	return nil
}

// Wanted says what the flag accepts.
func (f afterFlag) Wanted() string {
	return "a mission's ID, mission:ID, batch:ID or signal:NAME; the first three may end in :completed or :ended"
}

// parseCondition parses a condition: [mission:]ID[:WHEN], batch:ID[:WHEN] or signal:NAME.
// IDs have no colons.
func parseCondition(text string) (c missions.Condition, ok bool) {
	kind, parts := missions.WaitMission, strings.Split(text, ":")
	if first := missions.WaitKind(parts[0]); len(parts) > 1 && slices.Contains(conditionKinds, first) {
		kind, parts = first, parts[1:]
	}
	if len(parts) > 2 || parts[0] == "" {
		return c, false
	}
	if len(parts) == 2 {
		c.When = missions.When(parts[1])
		if kind == missions.WaitSignal || c.When != missions.WhenCompleted && c.When != missions.WhenEnded {
			return c, false
		}
	}
	switch kind {
	case missions.WaitBatch:
		c.Batch = parts[0]
	case missions.WaitSignal:
		c.Signal = parts[0]
	default:
		c.Mission = parts[0]
	}
	return c, true
}

// conditionKinds are the kinds of waits that a condition can name.
var conditionKinds = []missions.WaitKind{missions.WaitMission, missions.WaitBatch, missions.WaitSignal}

// questionFlag is --prompt or --choice.
type questionFlag struct {
	into *conditionFlags
	name string
	kind string // of its value, for help
}

func (f questionFlag) String() string { return "" }

func (f questionFlag) Type() string { return f.kind }

func (f questionFlag) Set(text string) error {
	f.into.questions = append(f.into.questions, question{f.name, text, len(f.into.conditions) - 1})
	return nil
}
