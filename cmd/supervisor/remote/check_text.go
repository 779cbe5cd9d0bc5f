package remote

import "missioncontrol/supervisor/api"

// CheckText formats the result of one of the supervisor's health checks.
func CheckText(c api.Check) string {
	if c.Message == "" {
		return c.Status
	}
	return c.Status + ": " + c.Message
}
