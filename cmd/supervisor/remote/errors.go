package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// deniedError means that the broker's permissions do not allow something.
type deniedError struct{ err error }

func (e *deniedError) Error() string {
	return fmt.Sprintf("the broker does not allow this user to do that (%v)", e.err)
}

func (e *deniedError) Unwrap() error { return e.err }

// Unsure reports whether err leaves open if the request was carried out. Such a request
// should be repeated if that is safe.
func Unsure(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, api.ErrTimeout) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting) || Unavailable(err)
}

// Unavailable reports whether err says that there is currently no supervisor.
func Unavailable(err error) bool {
	return errors.Is(err, client.ErrNoSupervisor) || errors.Is(err, api.ErrUnavailable)
}

// NothingDone reports whether err says that the request certainly changed nothing.
func NothingDone(err error) bool {
	var refusal *api.Error
	return errors.Is(err, client.ErrNoSupervisor) || errors.As(err, &refusal) && refusal.NothingDone ||
		!Unsure(err) && !errors.Is(err, context.Canceled)
}

// aboutError adds to an error what it is about.
type aboutError struct {
	about string
	err   error
}

// ErrorAbout adds to an error what it is about.
func ErrorAbout(what string, err error) error { return &aboutError{what, err} }

func (e *aboutError) Error() string { return e.about + ": " + e.err.Error() }

func (e *aboutError) Unwrap() error { return e.err }

// ErrorText formats an error for people: one line, with what is wrong and what to do.
func ErrorText(err error) string {
	var refusal *api.Error
	var about *aboutError
	switch {
	case errors.As(err, &about):
		return about.about + ": " + ErrorText(about.err)
	case errors.As(err, &refusal):
		return refusal.Message
	case errors.Is(err, client.ErrNoSupervisor):
		return err.Error() + "; start one with: supervisor serve --server URL, or choose another broker with --server or --context"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		text := strings.NewReplacer(context.DeadlineExceeded.Error(), "no answer in time", nats.ErrTimeout.Error(), "no answer in time").Replace(err.Error())
		return text + "; try again, or ask the supervisor over HTTP: supervisor health --http ADDRESS"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// BadRequest turns the supervisor's rejection of an argument into a usage error.
func BadRequest(err error) error {
	if errors.Is(err, api.ErrInvalid) || errors.Is(err, api.ErrTooLarge) {
		return ui.Usagef("%s", ErrorText(err))
	}
	return err
}

// flagNames maps the wire's fields to flags with a different name.
var flagNames = map[string]string{
	"name":            "the name",
	"id":              "--id",
	"tags":            "--tag",
	"types":           "--type",
	"timeout_seconds": "--timeout",
	"stall_seconds":   "--stall",
	"created_after":   "--after",
	"created_before":  "--before",
	"agent_id":        "--agent",
	"parent_id":       "--parent",

	"after_timeout_seconds":      "--after-timeout",
	"retry_policy.first_seconds": "--retry first",
	"retry_policy.factor":        "--retry factor",
	"retry_policy.max_seconds":   "--retry max",
	"retry_policy.jitter":        "--retry jitter",
	"unique.on_conflict":         "--on-conflict",
	"unique.for_seconds":         "--unique-for",
}

// BadFlag turns a domain error about a field into a usage error about its flag; nil stays
// nil.
func BadFlag(err error) error {
	var invalid *missions.Error
	if !errors.As(err, &invalid) || invalid.Field == "" {
		return err
	}
	return ui.Usagef("%s %s", flagOf(invalid.Field), invalid.Message)
}

// flagOf returns the flag for a field, which may be a part of it.
func flagOf(field string) string {
	if flag, ok := flagNames[field]; ok {
		return flag
	}
	if end := strings.IndexAny(field, "[."); end >= 0 {
		field = field[:end]
	}
	if flag, ok := flagNames[field]; ok {
		return flag
	}
	return "--" + strings.ReplaceAll(field, "_", "-")
}

// BadSource turns the supervisor's rejection of what a mission waits for, its parent or its
// batch into a usage error about the flag. Other errors stay as they are.
func BadSource(err error) error {
	var refusal *api.Error
	if !errors.As(err, &refusal) || refusal.Field == "" {
		return err
	}
	switch flag := flagOf(refusal.Field); flag {
	case "--after", "--parent", "--batch":
		return ui.Usagef("%s: %s", flag, strings.TrimPrefix(refusal.Message, refusal.Field+" "))
	}
	return err
}
