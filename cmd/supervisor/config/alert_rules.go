package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
)

// setAlerts sets the alert rules and the webhook that is notified.
func (s *Settings) setAlerts() (err error) {
	var defaults []alerts.Rule
	if s.alertDefaults {
		defaults = alerts.Defaults()
	}
	if s.Alerts, err = mergeRules(defaults, s.rules); err != nil {
		return s.values["alerts"].refuse(err)
	}
	webhook, secret := s.values["alert_webhook"], s.values["alert_webhook_secret"]
	if webhook.text == "" {
		if secret.text != "" {
			return ui.Usagef("%s needs a webhook; add --alert-webhook URL", secret.where)
		}
		return nil
	}
	if s.Webhook, err = alerts.NewWebhook(webhook.text, secret.text, "missioncontrol/"+s.Version); err != nil {
		return ui.Usagef("%s: %v", webhook.where, err)
	}
	return nil
}

// parseRules parses the list of rules.
func parseRules(text string) ([]ruleEntry, error) {
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil || len(file.Docs) != 1 {
		return nil, errors.New("it is not a list of rules")
	}
	list, ok := file.Docs[0].Body.(*ast.SequenceNode)
	if !ok {
		return nil, errors.New("it must be a list of rules, each beginning with - name: NAME")
	}
	entries := make([]ruleEntry, len(list.Values))
	for i, node := range list.Values {
		e := &entries[i]
		*e = ruleEntry{number: i + 1, line: node.GetToken().Position.Line, fields: map[string]string{}, lines: map[string]int{}}
		pairs, err := mappingOf(node, "")
		if err != nil {
			return nil, &lineError{e.line, fmt.Errorf("rule %d must consist of lines like metric: missions.pending", e.number)}
		}
		if len(pairs) > 0 {
			e.line = pairs[0].Key.GetToken().Position.Line
		}
		for _, pair := range pairs {
			key := pair.Key.GetToken().Value
			e.lines[key] = pair.Key.GetToken().Position.Line
			text, ok := scalar(pair.Value)
			if err := ui.OneOf(key, ruleFields...); err != nil {
				return nil, e.about(key, err)
			}
			if !ok {
				return nil, e.about(key, fmt.Errorf("%s must be a single value", key))
			}
			if text != "" {
				e.fields[key] = text
			}
		}
	}
	return entries, nil
}

// ruleFields are the fields a rule may have.
var ruleFields = []string{"name", "enabled", "metric", "comparison", "threshold", "for", "type", "min_samples"}

// ruleEntry is a rule in the configuration file, with its fields as written.
type ruleEntry struct {
	number int // 1 for the first
	line   int // in the file
	fields map[string]string
	lines  map[string]int // of the fields, in the file
}

// about adds to an error which rule and field it is about. A field that is missing is
// looked for where the rule begins.
func (e *ruleEntry) about(field string, err error) error {
	line := cmp.Or(e.lines[field], e.line)
	if name := e.fields["name"]; name != "" {
		return &lineError{line, fmt.Errorf("rule %d (%s): %w", e.number, ui.Clean(name), err)}
	}
	return &lineError{line, fmt.Errorf("rule %d: %w", e.number, err)}
}

// mergeRules merges the rules of the file with the defaults. A rule with the name of a
// default replaces it; fields it omits keep the default's value.
func mergeRules(defaults []alerts.Rule, entries []ruleEntry) ([]alerts.Rule, error) {
	rules := defaults
	seen := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		name := e.fields["name"]
		if seen[name] {
			return nil, e.about("name", errors.New("another rule has the same name"))
		}
		seen[name] = true
		place := slices.IndexFunc(rules, func(r alerts.Rule) bool { return r.Name == name })
		rule := alerts.Rule{For: alerts.DefaultFor}
		if place >= 0 {
			rule = rules[place]
		}
		enabled, err := e.read(&rule)
		if err == nil && (enabled || place < 0) {
			err = e.check(&rule)
		}
		if err == nil && place < 0 && e.fields["threshold"] == "" {
			err = e.about("threshold", errors.New("threshold is required"))
		}
		switch {
		case err != nil:
			return nil, err
		case enabled && place >= 0:
			rules[place] = rule
		case enabled:
			rules = append(rules, rule)
		case place >= 0:
			rules = slices.Delete(rules, place, place+1)
		}
	}
	slices.SortFunc(rules, func(a, b alerts.Rule) int { return cmp.Compare(a.Name, b.Name) })
	return rules, inWords(alerts.ValidateAll(rules))
}

// check validates the rule that an entry makes.
func (e *ruleEntry) check(rule *alerts.Rule) error {
	if rule.Metric != "" && !slices.Contains(alerts.Metrics(), rule.Metric) {
		return e.about("metric", fmt.Errorf("metric %q is not a metric; %s", ui.Clean(rule.Metric), nearestMetric(rule.Metric)))
	}
	err := rule.Validate()
	var invalid *missions.Error
	if errors.As(err, &invalid) {
		return e.about(invalid.Field, inWords(err))
	}
	return err
}

// nearestMetric suggests the metric that was probably meant, of those with the same first
// part of the name if there are any: what an unknown metric of missions means is no metric
// of agents.
func nearestMetric(name string) string {
	kind, _, _ := strings.Cut(name, ".")
	last := name[strings.LastIndex(name, ".")+1:]
	all := alerts.Metrics()
	var alike, sameEnd []string
	for _, metric := range all {
		if strings.HasPrefix(metric, kind+".") {
			alike = append(alike, metric)
		}
	}
	if len(alike) == 0 {
		alike = all
	}
	for _, metric := range alike {
		if strings.HasSuffix(metric, "."+last) && len(sameEnd) < 4 {
			sameEnd = append(sameEnd, metric)
		}
	}
	near := ui.Nearest(name, alike)
	switch {
	case len(sameEnd) > 1 && !slices.Contains(sameEnd, near):
		return "did you mean " + strings.Join(sameEnd, ", ") + "?"
	case near != "":
		return "did you mean " + near + "?"
	}
	return "they begin with missions., agents., events., limits. or schedules."
}

// inWords rewrites a rule's error for users; nil stays nil.
func inWords(err error) error {
	var invalid *missions.Error
	if errors.As(err, &invalid) {
		return fmt.Errorf("%s %s", invalid.Field, invalid.Message)
	}
	return err
}

// comparisonWords are alternative names of comparisons, since > has a meaning in YAML.
var comparisonWords = map[string]alerts.Comparison{"above": alerts.Above, "below": alerts.Below}

func comparison(text string) (alerts.Comparison, error) {
	return cmp.Or(comparisonWords[text], alerts.Comparison(text)), nil
}

// read fills in the fields that the entry sets.
func (e *ruleEntry) read(rule *alerts.Rule) (enabled bool, err error) {
	enabled = true
	stored := checked(func(string) error { return nil })
	fields := map[string]func(string) error{
		"name": to(&rule.Name, stored), "metric": to(&rule.Metric, stored), "type": to(&rule.Type, stored),
		"comparison": to(&rule.Comparison, comparison), "threshold": to(&rule.Threshold, number), "enabled": to(&enabled, boolean),
		"for": to(&rule.For, duration(0, alerts.MaxFor)), "min_samples": to(&rule.MinSamples, whole[int64](0, 1_000_000_000)),
	}
	for _, key := range ruleFields {
		if e.fields[key] == "" {
			continue
		}
		if err := fields[key](e.fields[key]); err != nil {
			return false, e.about(key, fmt.Errorf("%s: %w", key, err))
		}
	}
	return enabled, nil
}
