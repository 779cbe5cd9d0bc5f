package api

import (
	"context"
	"strings"
)

// HeaderClient names the program that asks, as a NATS header and over HTTP, where the
// User-Agent does if it is missing. It is for people who look at who asks what: anybody
// may say anything.
const HeaderClient = "Mission-Control-Client"

// maxCallerChars bounds the name of a program that asks.
const maxCallerChars = 64

type callerKey struct{}

// WithCaller returns a context that carries the name of the program that asks. What is
// none is left out.
func WithCaller(ctx context.Context, name string) context.Context {
	if name = CallerName(name); name == "" {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, name)
}

// CallerOf returns the name of the program that asks, "" when it is not known.
func CallerOf(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// CallerName is the name in a [HeaderClient] or a User-Agent: its first word without a
// version, "" if that is no name.
func CallerName(header string) string {
	name, _, _ := strings.Cut(header, " ")
	name, _, _ = strings.Cut(name, "/")
	printable := func(r rune) bool { return r > ' ' && r < 0x7f }
	if len(name) > maxCallerChars || strings.ContainsFunc(name, func(r rune) bool { return !printable(r) }) {
		return ""
	}
	return name
}
