package charter

import "time"

var supervisorEntries = []Entry{
	{
		Type:         TypeHealthChecked,
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "Somebody asked for the supervisor's health.",
		When:         "Once per health request, whatever the answer is.",
		Fields: []Field{
			textField("status", "The health that the supervisor answered with.", "ok", "degraded", "error"),
			timeField("checked_at", "When the supervisor looked."),
		},
		Example: HealthChecked{Status: "ok", CheckedAt: exampleTime},
		decode:  decodeHealthChecked,
	},
	{
		Type:         TypeStatusQueried,
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "Somebody asked for the status, and this is how things stood.",
		When:         "Once per status request that was answered.",
		Fields: []Field{
			countField("total_missions", unitMissions, "All missions stored."),
			countField("running_missions", unitMissions, "Those that an agent is working on."),
			countField("pending_missions", unitMissions, "Those that wait for an agent, for their time or for another attempt."),
			countField("completed_missions", unitMissions, "Those that ended well and are still stored."),
			countField("failed_missions", unitMissions, "Those that failed for good and are still stored."),
			countField("cancelled_missions", unitMissions, "Those that were cancelled and are still stored."),
			countField("agent_count", unitAgents, "Agents as the status answer counts them."),
			timeField("queried_at", "When the numbers were read."),
		},
		Example: StatusQueried{
			TotalMissions: 150, RunningMissions: 5, PendingMissions: 3, CompletedMissions: 130,
			FailedMissions: 10, CancelledMissions: 2, AgentCount: 4, QueriedAt: exampleTime,
		},
		decode: decodeStatusQueried,
	},
	{
		Type:         TypeAgentsListed,
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "Somebody asked for the list of agents.",
		When:         "Once per agents request that was answered.",
		Fields: []Field{
			countField("agent_count", unitAgents, "The agent_count of the answer."),
			timeField("queried_at", "When the list was read."),
		},
		Example: AgentsListed{AgentCount: 4, QueriedAt: exampleTime},
		decode:  decodeAgentsListed,
	},
	{
		Type:         TypeAlertRaised,
		Source:       sourceSupervisor,
		SourceModule: "alerts",
		Kind:         Durable,
		Description:  "An alert rule has begun to hold.",
		When:         "Once when the alert begins; alert_resolved ends it.",
		Fields:       alertFields(timeField("raised_at", "When the alert was raised.")),
		Example: AlertRaised{
			Rule: "many-pending", Metric: "pending_missions", Value: 1200, Threshold: 1000,
			Since: exampleTime.Add(-time.Minute), RaisedAt: exampleTime,
		},
		decode: decodeAlertRaised,
	},
	{
		Type:         TypeAlertResolved,
		Source:       sourceSupervisor,
		SourceModule: "alerts",
		Kind:         Durable,
		Description:  "An alert rule has ceased to hold.",
		When:         "Once when an alert that was raised ends.",
		Fields:       alertFields(timeField("resolved_at", "When the alert was resolved.")),
		Example: AlertResolved{
			Rule: "many-pending", Metric: "pending_missions", Value: 640, Threshold: 1000,
			Since: exampleTime.Add(-time.Minute), ResolvedAt: exampleTime,
		},
		decode: decodeAlertResolved,
	},
}

// exampleTime is the time in all examples.
var exampleTime = time.UnixMicro(1703001234_567000).UTC()

func alertFields(at Field) []Field {
	const unitMetric = "that of the metric"
	return []Field{
		textField("rule", "The rule's name, the same in raised and resolved."),
		textField("metric", "What the rule watches."),
		{
			Name: "value", Form: FormNumber, Unit: unitMetric, Nullable: true,
			Description: "The metric at that moment, or null when it had no value.",
		},
		{
			Name: "threshold", Form: FormNumber, Unit: unitMetric,
			Description: "What the rule compares the metric with.",
		},
		timeField("since", "Since when the rule's condition had held when the alert was raised."),
		at,
	}
}
