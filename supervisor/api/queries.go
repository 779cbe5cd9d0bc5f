package api

import "missioncontrol/missions"

// Queries tells who asked for the status in the last hour, minute by minute, as the
// events supervisor.status_queried have it.
type Queries struct {
	State   string        `json:"state"` // of the event stream: "connected" or "degraded"
	Total   int64         `json:"total"`
	Minutes []QueryMinute `json:"minutes"` // oldest first, the one under way last
	Callers []QueryCaller `json:"callers"` // who asked most first
}

// QueryMinute is how often the status was asked for in a minute.
type QueryMinute struct {
	At      missions.Time `json:"at"` // when the minute began
	Queries int64         `json:"queries"`
}

// QueryCaller is a program that asks, by the name that it gives itself.
type QueryCaller struct {
	Name      string        `json:"name"` // "" for those that give none
	Queries   int64         `json:"queries"`
	PerMinute []int64       `json:"per_minute"` // beside Minutes
	LastAt    missions.Time `json:"last_at"`
}
