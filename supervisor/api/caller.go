package api

import (
	"context"
	"strings"
)

// HeaderClient names the program that sends a request, as a NATS header and over HTTP.
// Without it, HTTP requests are named by their User-Agent. It is informational only:
// any client can set any name.
const HeaderClient = "Mission-Control-Client"

// HeaderPath has, in a sign-in or sign-out over HTTP, the path below which the browser
// reaches the supervisor: "/", or what a proxy puts before it, such as "/mc/". The
// session's cookie is limited to it.
const HeaderPath = "Mission-Control-Path"

// maxCallerChars bounds the name of a calling program.
const maxCallerChars = 64

// Caller is who sent a request, as far as its headers say.
type Caller struct {
	Trace string // a traceparent, unless it is invalid
	Name  string // a [HeaderClient]
}

type callerKey struct{}

// WithCaller returns a context that carries the name of the calling program. An invalid
// name is left out.
func WithCaller(ctx context.Context, name string) context.Context {
	if name = CallerName(name); name == "" {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, name)
}

type userKey struct{}

// WithUser returns a context that carries the name of the user as whom the request was
// authenticated.
func WithUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, name)
}

// SenderOf returns who sent a request, "" if that is not known, and whether that was
// authenticated: the user, or else the calling program as far as it can be believed.
func SenderOf(ctx context.Context) (name string, proven bool) {
	if user, _ := ctx.Value(userKey{}).(string); user != "" {
		return user, true
	}
	return CallerOf(ctx), false
}

// CallerOf returns the name of the calling program, or "" if it is not known.
func CallerOf(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// CallerName returns the name in a [HeaderClient] or a User-Agent: its first word
// without a version, or "" if that is not a name.
func CallerName(header string) string {
	name, _, _ := strings.Cut(header, " ")
	name, _, _ = strings.Cut(name, "/")
	printable := func(r rune) bool { return r > ' ' && r < 0x7f }
	if len(name) > maxCallerChars || strings.ContainsFunc(name, func(r rune) bool { return !printable(r) }) {
		return ""
	}
	return name
}
