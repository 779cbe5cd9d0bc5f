package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
)

// alerting holds the alert rules and the webhook that is notified.
type alerting struct {
	rules        []ruleEntry
	where        value // where the rules were set
	withDefaults bool
	webhook      value
	secret       value
}

// ruleEntry is a rule in the configuration file, with its fields as written.
type ruleEntry struct {
	number int // 1 for the first
	fields map[string]string
}

// alertSettings returns the table of the alert settings, without the rules.
func alertSettings() []setting {
	return []setting{
		{key: "alert_defaults", placeholder: "on|off", fallback: "on", help: "whether the alert rules that come with the program count: on|off",
			apply: func(s *Settings, g value) error {
				s.alerting.withDefaults = g.text == "on"
				return OneOf(g.text, "on", "off")
			}},
		{key: "alert_interval", placeholder: "DURATION", fallback: "5s", help: "DURATION between two looks at the alert rules, up to 20 seconds",
			apply: func(s *Settings, g value) (err error) {
				s.Config.AlertInterval, err = ui.DurationWithin(g.text, 10*time.Millisecond, missions.AlertCheckEvery)
				return err
			}},
		{key: "alert_webhook", placeholder: "URL", help: "URL that is told of alerts by POST; see docs/OPERATIONS.md",
			apply: func(s *Settings, g value) error { s.alerting.webhook = g; return nil }},
		{key: "alert_webhook_file", placeholder: "FILE", private: true, help: "FILE that holds nothing but URL, for one that only its owner may know",
			apply: fromFile(func(s *Settings) *value { return &s.alerting.webhook })},
		{key: "alert_webhook_secret", placeholder: "SECRET", help: "SECRET to sign with what the webhook is told: any text, or whsec_ and base64", secret: true,
			apply: func(s *Settings, g value) error { s.alerting.secret = g; return nil }},
		{key: "alert_webhook_secret_file", placeholder: "FILE", private: true, help: "FILE that holds nothing but SECRET",
			apply: fromFile(func(s *Settings) *value { return &s.alerting.secret })},
	}
}

// alertsSetting is a list in the configuration file. It has no flag.
var alertsSetting = setting{key: "alerts", list: true, apply: func(s *Settings, g value) (err error) {
	s.alerting.where = g
	s.alerting.rules, err = parseRules(g.text)
	return err
}}

// apply fills in the alert part of cfg.
func (a *alerting) apply(cfg *Config) error {
	var defaults []alerts.Rule
	if a.withDefaults {
		defaults = alerts.Defaults()
	}
	rules, err := mergeRules(defaults, a.rules)
	if err != nil {
		return ui.Usagef("%s: %v", a.where.where, err)
	}
	cfg.Alerts = rules
	if a.webhook.text == "" {
		if a.secret.text != "" {
			return ui.Usagef("%s is for a webhook, and none is named; add --alert-webhook URL", a.secret.where)
		}
		return nil
	}
	if cfg.Webhook, err = alerts.NewWebhook(a.webhook.text, a.secret.text, "missioncontrol/"+cfg.Version); err != nil {
		return ui.Usagef("%s: %v", a.webhook.where, err)
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
		return nil, errors.New("it has to be a list of rules, each beginning with - name: NAME")
	}
	entries := make([]ruleEntry, 0, len(list.Values))
	for i, node := range list.Values {
		entry := ruleEntry{number: i + 1, fields: map[string]string{}}
		pairs, err := mappingOf(node, "")
		if err != nil {
			return nil, fmt.Errorf("rule %d has to hold lines like metric: missions.pending", i+1)
		}
		for _, pair := range pairs {
			if err := entry.add(pair); err != nil {
				return nil, entry.about(err)
			}
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// ruleFields are the fields a rule may have.
var ruleFields = []string{"name", "enabled", "metric", "comparison", "threshold", "for", "type", "min_samples"}

func (e *ruleEntry) add(pair *ast.MappingValueNode) error {
	key := pair.Key.GetToken().Value
	if err := OneOf(key, ruleFields...); err != nil {
		return err
	}
	text, ok := scalar(pair.Value)
	if !ok {
		return fmt.Errorf("%s has to be a single value", key)
	}
	if text != "" {
		e.fields[key] = text
	}
	return nil
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
			return nil, e.about(errors.New("there is another rule of that name"))
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
		if _, isSet := e.fields["threshold"]; err == nil && place < 0 && !isSet {
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

// read fills in the fields that the entry sets.
func (e *ruleEntry) read(rule *alerts.Rule) (enabled bool, err error) {
	enabled = true
	for key, text := range e.fields {
		switch key {
		case "name":
			rule.Name = text
		case "metric":
			rule.Metric = text
		case "type":
			rule.Type = text
		case "comparison":
			rule.Comparison = cmp.Or(comparisonWords[text], alerts.Comparison(text))
		case "enabled":
			if enabled, err = strconv.ParseBool(text); err != nil {
				return false, fmt.Errorf("enabled: %q is not true or false", text)
			}
		case "threshold":
			if rule.Threshold, err = strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err != nil {
				return false, fmt.Errorf("threshold: %q is not a number", text)
			}
		case "for":
			if rule.For, err = ui.DurationWithin(text, 0, alerts.MaxFor); err != nil {
				return false, fmt.Errorf("for: %w", err)
			}
		case "min_samples":
			if rule.MinSamples, err = wholeWithin(text, 0, 1_000_000_000); err != nil {
				return false, fmt.Errorf("min_samples: %w", err)
			}
		}
	}
	return enabled, nil
}
