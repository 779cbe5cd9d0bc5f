package client

import (
	"fmt"
	"testing"
)

func TestConditionsAreEasyToType(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"build": "{build     []}", "mission:build": "{build     []}", "build:ended": "{build   ended  []}", "mission:build:completed": "{build   completed  []}",
		"batch:tests-7": "{ tests-7    []}", "batch:tests-7:ended": "{ tests-7  ended  []}", "signal:approved": "{  approved   []}",
		"batch": "{batch     []}", "mission:batch:ended": "{batch   ended  []}", "batch:ended": "{ ended    []}",
		"": "", ":": "", "a:": "", "a:b": "", "a:b:c": "", "batch:": "", "signal:a:ended": "", "mission:a:b": "", "mission:a:ended:": "",
	} {
		c, ok := parseCondition(text)
		got := ""
		if ok {
			got = fmt.Sprintf("{%s %s %s %s %s %v}", c.Mission, c.Batch, c.Signal, c.When, c.Prompt, c.Choices)
		}
		equal(t, text, got, want)
	}
}

// What is asked belongs to the only signal, or to the one before it.
func TestQuestionsBelongToTheirSignal(t *testing.T) {
	t.Parallel()
	var one conditionFlags
	ask := func(f *conditionFlags, flag, text string) {
		if flag == "after" {
			if err := (afterFlag{f}).Set(text); err != nil {
				t.Fatal(err)
			}
			return
		}
		if err := (questionFlag{f, flag, ""}).Set(text); err != nil {
			t.Fatal(err)
		}
	}
	ask(&one, "choice", "yes, now")
	ask(&one, "after", "signal:s,build")
	ask(&one, "prompt", "Sure?")
	all, err := one.complete()
	equal(t, "one", fmt.Sprint(all, err), "[{  s  Sure? [yes, now]} {build     []}] <nil>")
	var two conditionFlags
	for _, typed := range [][2]string{{"after", "signal:a"}, {"prompt", "A?"}, {"after", "signal:b"}, {"choice", "1"}, {"choice", "2"}, {"prompt", "B?"}} {
		ask(&two, typed[0], typed[1])
	}
	all, err = two.complete()
	equal(t, "two", fmt.Sprint(all, err), "[{  a  A? []} {  b  B? [1 2]}] <nil>")
}

func TestSignalDataIsJSONOrText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"s", "", ""}, {"s", "yes", `"yes"`}, {"s", `{"a": 1}`, `{"a": 1}`}, {"s", "7", "7"}, {"s", `"7"`, `"7"`}, {"s", "usd=10", `"usd=10"`},
		{"budget", "usd=10,tokens=5", `{"tokens":5,"usd":10}`}, {"budget", "usd=NaN", `"usd=NaN"`}, {"budget", "much", `"much"`},
		{"s", "bad \xff", "\"bad \ufffd\""},
	} {
		equal(t, c.name+" "+c.text, string(signalData(c.name, c.text)), c.want)
	}
}
