package web

// Handler is everything that is served, whatever host it was asked of.
var Handler = routes
