package api

import "missioncontrol/missions"

// SetLimitRequest adds a limit, or changes it.
type SetLimitRequest struct {
	missions.LimitSpec
	IfChangedAt missions.Time `json:"if_changed_at,omitzero"` // changed_at of the limit that is to be changed; default: any, or none
}

// LimitNameRequest names a limit.
type LimitNameRequest struct {
	Name string `json:"name"`
}

// LimitsRequest lists limits, by name.
type LimitsRequest struct {
	Limit  int    `json:"limit,omitzero"` // 1 to 1000, default 100
	Cursor string `json:"cursor,omitzero"`
}

// LimitList is one page of limits.
type LimitList struct {
	Limits     []missions.LimitStatus `json:"limits"`
	NextCursor string                 `json:"next_cursor,omitzero"`
}

// Spec checks the request and returns the limit.
func (r *SetLimitRequest) Spec() (missions.LimitSpec, error) {
	spec := r.LimitSpec
	if r.IfChangedAt < 0 {
		return spec, missions.Invalid("if_changed_at", "is not a time in Unix seconds")
	}
	spec.Normalize()
	return spec, spec.Validate()
}

// Validate checks the request.
func (r *LimitNameRequest) Validate() error { return missions.CheckToken("name", r.Name) }

// Page checks the request and returns what the store is asked for.
func (r *LimitsRequest) Page() (missions.LimitsRequest, error) {
	if r.Cursor != "" {
		if err := missions.CheckToken("cursor", r.Cursor); err != nil {
			return missions.LimitsRequest{}, err
		}
	}
	limit, err := page(r.Limit)
	return missions.LimitsRequest{Cursor: r.Cursor, Limit: limit}, err
}

// checkLimit checks for how long a release closes a limit.
func (r *Release) checkLimit() error {
	if r.Limit == "" && r.RetryAfterSeconds != nil {
		return missions.Invalid("retry_after_seconds", "needs limit; to wait for a time, use after_timeout_seconds")
	}
	return missions.CheckLimitPause(r.Limit, r.RetryAfterSeconds)
}
