package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

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
		return ui.Usagef("%s: %v", s.values["alerts"].where, err)
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
		*e = ruleEntry{number: i + 1, fields: map[string]string{}}
		pairs, err := mappingOf(node, "")
		if err != nil {
			return nil, fmt.Errorf("rule %d must consist of lines like metric: missions.pending", e.number)
		}
		for _, pair := range pairs {
			key := pair.Key.GetToken().Value
			text, ok := scalar(pair.Value)
			if err := ui.OneOf(key, ruleFields...); err != nil {
				return nil, e.about(err)
			}
			if !ok {
				return nil, e.about(fmt.Errorf("%s must be a single value", key))
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
	fields map[string]string
}

// about adds to an error which rule it is about.
func (e *ruleEntry) about(err error) error {
	if name := e.fields["name"]; name != "" {
		return fmt.Errorf("rule %d (%s): %w", e.number, ui.Clean(name), err)
	}
	return fmt.Errorf("rule %d: %w", e.number, err)
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
			return nil, e.about(errors.New("another rule has the same name"))
		}
		seen[name] = true
		place := slices.IndexFunc(rules, func(r alerts.Rule) bool { return r.Name == name })
		rule := alerts.Rule{For: alerts.DefaultFor}
		if place >= 0 {
			rule = rules[place]
		}
		enabled, err := e.read(&rule)
		if err == nil && (enabled || place < 0) {
			err = inWords(rule.Validate())
		}
		if err == nil && place < 0 && e.fields["threshold"] == "" {
			err = errors.New("threshold is required")
		}
		switch {
		case err != nil:
			return nil, e.about(err)
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
			return false, fmt.Errorf("%s: %w", key, err)
		}
	}
	return enabled, nil
}
