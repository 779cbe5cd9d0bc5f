package dashboard

import (
	"net/http"
	"slices"
	"strings"
)

// pages are the dashboard's pages, by the first part of their addresses.
var pages = []string{"overview", "inbox", "missions", "mission", "queue", "schedules", "limits", "agents", "events", "alerts", "queries"}

const nowhere = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not here · Mission Control</title>
<link rel="icon" href="ROOTui/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="ROOTui/base.css">
</head>
<body>
<main class="nowhere"><h1>There is no such page</h1>
<p>The address may have been cut off or mistyped. <a href="ROOT">Open the dashboard</a></p></main>
</body>
</html>
`

// ServeTyped answers a request for a path that is not served, first being its first
// part, with a redirect to the page of the dashboard that it means, or with a page that
// says that there is none. All addresses are relative: a proxy may have put a path
// before ours.
func ServeTyped(w http.ResponseWriter, r *http.Request, first string) {
	root := "./" + strings.Repeat("../", strings.Count(r.URL.Path, "/")-1)
	if slices.Contains(pages, first) {
		where := strings.TrimSuffix(r.URL.EscapedPath(), "/")
		if r.URL.RawQuery != "" {
			where += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", root+"#"+where)
		w.WriteHeader(http.StatusFound)
		return
	}
	setHeaders(w.Header(), "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(strings.ReplaceAll(nowhere, "ROOT", root))) // fails only if the client is gone
}
