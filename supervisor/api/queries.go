package api

import "missioncontrol/missions"

// Queries reports which programs requested the status in the last hour, minute by
// minute, according to the events supervisor.status_queried.
type Queries struct {
	State   string        `json:"state"`  // of the event stream, as far as it can be read: "connected" or "degraded"
	Reason  string        `json:"reason"` // why it is degraded, in a sentence; "" while connected
	Total   int64         `json:"total"`
	Minutes []QueryMinute `json:"minutes"` // oldest first, the current one last
	Callers []QueryCaller `json:"callers"` // the most frequent first
}

// QueryMinute is the number of status requests in one minute.
type QueryMinute struct {
	At      missions.Time `json:"at"` // start of the minute
	Queries int64         `json:"queries"`
}

// QueryCaller is a program that requests the status, under the name that it sends.
type QueryCaller struct {
	Name      string        `json:"name"` // "" for programs without a name
	Queries   int64         `json:"queries"`
	PerMinute []int64       `json:"per_minute"` // same order as Minutes
	LastAt    missions.Time `json:"last_at"`
}
