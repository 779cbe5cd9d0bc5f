package charter

var agentEntries = []Entry{
	{
		Type:         TypeAgentOnline,
		Source:       sourceSupervisor,
		SourceModule: "agents",
		Kind:         Durable,
		Description:  "An agent is there and can be given missions.",
		When:         "Once when an agent registers that was not online before.",
		Fields:       agentFields,
		Example: AgentOnline{
			AgentID: "rover-1", Name: "Rover 1", Role: "scout", Types: []string{"survey", "default"},
			Reason: "registered", ChangedAt: exampleTime,
		},
		decode: decodeAgentOnline,
	},
	{
		Type:         TypeAgentOffline,
		Source:       sourceSupervisor,
		SourceModule: "agents",
		Kind:         Durable,
		Description:  "An agent is gone, and its running missions go back.",
		When:         "Once when an agent leaves, or when its death is noticed.",
		Fields:       agentFields,
		Example: AgentOffline{
			AgentID: "rover-1", Name: "Rover 1", Role: "scout", Types: []string{"survey", "default"},
			Reason: "left", ChangedAt: exampleTime,
		},
		decode: decodeAgentOffline,
	},
}

var agentFields = []Field{
	textField("agent_id", "The agent's id."),
	textField("name", "The agent's name, for people."),
	textField("role", "The part that the agent plays, for people; may be empty."),
	{Name: "types", Form: FormTexts, Description: "The mission types that the agent works on."},
	textField("reason", "Why, for people; may be empty."),
	timeField("changed_at", "When the change was stored."),
}
