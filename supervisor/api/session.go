package api

// Session is what an HTTP client may do.
type Session struct {
	Authentication bool   `json:"authentication"` // whether a token is required here
	Role           string `json:"role,omitzero"`  // the client's role; none without a token
	Name           string `json:"name,omitzero"`  // who the token was made for

	// FirstCommands are for a terminal on the supervisor's machine, for clients that may
	// change something: one runs an agent, one creates a mission, one follows the events.
	FirstCommands []string `json:"first_commands,omitzero"`
}
