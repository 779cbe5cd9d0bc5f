package ui

import (
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
)

func TestWhatAMissionWaitsForInAFewWords(t *testing.T) {
	t.Parallel()
	out := &Screen{Zone: time.UTC}
	build := missions.Wait{Condition: missions.Condition{Mission: "build", When: missions.WhenCompleted}}
	tests := missions.Wait{Condition: missions.Condition{Batch: "tests", When: missions.WhenEnded}}
	approved := missions.Wait{Condition: missions.Condition{Signal: "approved", Prompt: "Sure?", Choices: []string{"yes", "no"}}}
	met := build
	met.Met, met.Status = true, missions.Completed
	failed := build
	failed.Status = missions.Failed
	for _, c := range []struct {
		want string
		flow *missions.Flow
	}{
		{"", nil},
		{"", &missions.Flow{Batch: "b"}},
		{"waits for mission build", &missions.Flow{WaitingFor: []missions.Wait{build}}},
		{"waits for signal approved and 2 more", &missions.Flow{WaitingFor: []missions.Wait{build, tests, approved}}},
		{"waits for batch tests", &missions.Flow{WaitingFor: []missions.Wait{met, tests}}},
		{"waits until 2026-01-31 15:04:05", &missions.Flow{WaitingSince: 1, WaitingUntil: 1769871845000000}},
		{"waits", &missions.Flow{WaitingSince: 1}},
	} {
		equal(t, c.want, WaitSummary(out, &missions.Mission{Status: missions.Pending, Flow: c.flow}), c.want)
	}
	equal(t, "an ended one", WaitSummary(out, &missions.Mission{Status: missions.Cancelled, Flow: &missions.Flow{WaitingFor: []missions.Wait{build}}}), "")
	for want, w := range map[string]*missions.Wait{
		"○ mission build": &build, "○ batch tests to end": &tests, `○ signal approved: "Sure?" (yes, no)`: &approved,
		"✓ mission build, COMPLETED": &met, "✗ mission build, FAILED": &failed,
	} {
		mark, _ := ConditionMark(w)
		equal(t, want, mark+" "+ConditionText(w), want)
	}
}

func TestUsageIsShownAgainstItsMaximum(t *testing.T) {
	t.Parallel()
	equal(t, "none", UsageText(nil, nil), "")
	equal(t, "without a maximum", UsageText(missions.Usage{"usd": 0.42, "input_tokens": 1234567}, nil), "1,234,567 input_tokens, 0.42 usd")
	equal(t, "with one", UsageText(missions.Usage{"usd": 4}, missions.Usage{"usd": 5, "tokens": 0}), "0 of 0 tokens, 4 of 5 usd (80 %)")
	equal(t, "huge", UsageText(missions.Usage{"usd": 1e15}, nil), "1,000,000,000,000,000 usd")
}

func TestTextIsWrapped(t *testing.T) {
	t.Parallel()
	equal(t, "at spaces", strings.Join(WrapLines("deploy it to production now", 12), "|"), "deploy it to|production|now")
	equal(t, "a long word", strings.Join(WrapLines("unpronounceable", 6), "|"), "unpron|ouncea|ble")
	equal(t, "lines", strings.Join(WrapLines("a\nb\x1b[31m c\n", 6), "|"), "a|b c")
	equal(t, "nothing", len(WrapLines("  \n", 6))+len(WrapLines("text", 0)), 0)
}
