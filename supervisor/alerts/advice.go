package alerts

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// Bounds of what [Rule.Types] does.
const (
	maxTypes      = 5  // types that are named
	maxTypesTried = 20 // types that are looked at
)

// advice is what to do about an alert, by the metric's name or the beginning of it; the
// longest that fits counts.
var advice = map[string]string{
	"missions.": "Look at the missions, and at the programs that create them.",
	"missions.pending_without_agent": "No agent that is online accepts these missions: start one for their types with " +
		"supervisor agent run, or cancel them.",
	"missions.pending":              waiting,
	"missions.oldest_":              waiting,
	"missions.queue_seconds":        waiting,
	"missions.oldest_signal_wait":   asked,
	"missions.waiting.signal":       asked,
	"missions.waiting.":             "supervisor missions list --waiting says what missions wait for.",
	"missions.highest_usage_ratio":  spending,
	"missions.usage.":               spending,
	"missions.success_rate":         failing,
	"missions.failed":               failing,
	"missions.per_minute.failed":    failing,
	"missions.cancelled":            cancelled,
	"missions.per_minute.cancelled": cancelled,
	"missions.running":              slow,
	"missions.duration_seconds":     slow,
	"agents.":                       "Check the hosts and logs of the agents that are missing, and their connections to the broker.",
	"agents.utilization":            "Compare the agents' slots with the queue: start more agents or give them more slots if missions wait.",
	"agents.draining":               "Agents that drain finish their missions and leave: check that others take their place.",
	"limits.":                       "supervisor limits says which ones are full or paused, and how many missions wait.",
	"limits.paused":                 "Somebody has paused a limit, and missions wait: supervisor limits says which one, by whom and why; supervisor limits resume NAME lets them start.",
	"schedules.":                    "supervisor doctor names the schedules and says why.",
	"schedules.missed":              missed,
	"events.":                       "Check the event stream with supervisor doctor.",
	"events.degraded":               "The broker or its stream is away: supervisor doctor says why. Missions continue, and their events are sent when the stream is back.",
	"events.waiting":                "The broker takes events more slowly than they occur: check its disk and load with supervisor doctor.",
	"events.dropped":                "Telemetry was dropped while the stream was away or behind: check the broker with supervisor doctor. No durable event is lost.",
}

const (
	waiting   = "Missions wait longer than they should: start more agents for their types or give them more slots, and check that running missions still make progress."
	asked     = "Somebody has to decide: answer in supervisor missions inbox, or in the dashboard under Needs you."
	spending  = "Look at what the missions use: cancel those that are not worth it, or raise their maximum."
	failing   = "Read what the failed missions report. Once the cause is gone, put them back with supervisor missions retry."
	missed    = "A time of a schedule has no mission, for example because the one before has not ended: supervisor doctor names the schedules, and supervisor schedules get says why. Create what is missing with supervisor schedules backfill."
	cancelled = "The missions' logs say who cancelled them and why."
	slow      = "Check that running missions still make progress; a timeout or a stall limit ends attempts that hang."
)

// Advice returns a sentence on what to do when the rule raises an alert.
func (r *Rule) Advice() string {
	name := r.Metric
	if rest, ok := strings.CutPrefix(name, "missions.windows."); ok {
		_, figure, _ := strings.Cut(rest, ".")
		name = "missions." + figure
	}
	best := ""
	for prefix := range advice {
		if strings.HasPrefix(name, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return advice[best]
}

// Types returns the types of missions for which the rule's condition holds, those with
// most missions first, and no more than a few; none if the metric has no types or only
// the sum of all types meets the condition.
func (r *Rule) Types(ctx context.Context, f *Figures) ([]string, error) {
	switch {
	case r.Type != "":
		return []string{r.Type}, nil
	case !strings.HasPrefix(r.Metric, "missions."):
		return nil, nil
	case r.Metric == "missions.pending_without_agent":
		byType, err := f.unserved(ctx)
		return most(byType, maxTypes), err
	}
	all, err := f.stats(ctx, "")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, kind := range most(all.ByType, maxTypesTried) {
		one := *r
		one.Type, one.MinSamples = kind, min(r.MinSamples, 1)
		_, holds, err := one.Look(ctx, f)
		if err != nil {
			return nil, err
		}
		if holds && len(found) < maxTypes {
			found = append(found, kind)
		}
	}
	return found, nil
}

// most returns the types with most missions, at most n.
func most(byType map[string]int64, n int) []string {
	kinds := slices.SortedFunc(maps.Keys(byType), func(a, b string) int {
		return cmp.Or(cmp.Compare(byType[b], byType[a]), strings.Compare(a, b))
	})
	kinds = slices.DeleteFunc(kinds, func(kind string) bool { return byType[kind] == 0 })
	return kinds[:min(n, len(kinds))]
}
