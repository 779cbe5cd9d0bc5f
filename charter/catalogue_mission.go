package charter

const exampleMission = "018c8231-5a07-7c3e-9d0b-6f1f6f0c2a11"

var missionEntries = []Entry{
	{
		Type:         TypeMissionCreated,
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Description:  "A mission was accepted and stored.",
		When:         "Once per mission, the first of its events.",
		Fields: []Field{
			missionIDField,
			textField("name", "The mission's name, for people."),
			textField("description", "What the mission is about, for people; may be empty."),
			textField("type", "The mission's type, which agents choose their work by."),
			textField("priority", "How soon the mission is to be claimed.", "LOW", "NORMAL", "HIGH", "CRITICAL"),
			textField("status", "The status that every mission begins with.", "PENDING"),
			timeField("created_at", "When the mission was stored."),
		},
		Example: MissionCreated{
			MissionID: exampleMission, Name: "Survey sector 7", Description: "Map the northern ridge.",
			Type: "survey", Priority: "HIGH", Status: "PENDING", CreatedAt: exampleTime,
		},
		decode: decodeMissionCreated,
	},
	{
		Type:         TypeMissionStatusChanged,
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "A mission went from one status to another.",
		When:         "Once per change of status: claimed, completed, failed, put back, cancelled or retried.",
		Fields: []Field{
			missionIDField,
			statusField("old_status", "The status before the change."),
			statusField("new_status", "The status after the change."),
			timeField("changed_at", "When the change was stored."),
			textField("reason", "Why, for people; may be empty."),
			countField("attempt", "attempts", "How many attempts had begun, a running one included."),
			{
				Name: "agent_id", Form: FormText, Nullable: true,
				Description: "The agent that holds the mission, or held it until the change; null when no agent had a part in it.",
			},
		},
		Example: MissionStatusChanged{
			MissionID: exampleMission, OldStatus: "PENDING", NewStatus: "RUNNING", ChangedAt: exampleTime,
			Reason: "claimed", Attempt: 1, AgentID: "rover-1",
		},
		decode: decodeMissionStatusChanged,
	},
	{
		Type:         TypeMissionLogAppended,
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "A mission's log has a new entry.",
		When:         "Once per entry that is appended; the entry's data stays in the log.",
		Fields: []Field{
			missionIDField,
			textField("log_level", "How grave the entry is.", "debug", "info", "warning", "error"),
			textField("message", "What the entry says."),
			timeField("appended_at", "When the entry was stored."),
		},
		Example: MissionLogAppended{
			MissionID: exampleMission, LogLevel: "info", Message: "ridge reached", AppendedAt: exampleTime,
		},
		decode: decodeMissionLogAppended,
	},
	{
		Type:         TypeMissionProgressed,
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Telemetry,
		Targeted:     true,
		Description:  "A running mission has come further.",
		When:         "Once per progress report of the agent that holds the mission.",
		Fields: []Field{
			missionIDField,
			{
				Name: "percent", Form: FormNumber, Unit: "percent, 0 to 100", Max: 100,
				Description: "How much of the work is done.",
			},
			textField("message", "What is being done, for people; may be empty."),
			timeField("progressed_at", "When the report was stored."),
		},
		Example: MissionProgressed{
			MissionID: exampleMission, Percent: 62.5, Message: "5 of 8 tiles", ProgressedAt: exampleTime,
		},
		decode: decodeMissionProgressed,
	},
}

var missionIDField = textField("mission_id", "The mission's id.")

func statusField(name, description string) Field {
	return textField(name, description, "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")
}
