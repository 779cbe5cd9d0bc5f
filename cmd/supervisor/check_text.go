package main

import "missioncontrol/supervisor/api"

// checkText formats the result of one of the supervisor's health checks.
func checkText(c api.Check) string {
	if c.Message == "" {
		return c.Status
	}
	return c.Status + ": " + c.Message
}
