package web

// Handler is everything that is served, whatever host it was asked of.
var Handler = routes

// Patterns are those of everything that is served.
func Patterns() []string { return table(door{}, nil).patterns }
