package eventstream

import "strings"

// RedactURL returns a URL without user, password and token, for messages and logs. The URL
// need not be valid: a scheme may be missing or broken, and anything before the last @ could
// be a password, which may contain a comma. For several URLs see [RedactURLs].
func RedactURL(raw string) string {
	at := strings.LastIndex(raw, "@")
	if at < 0 {
		return raw
	}
	scheme, _, ok := strings.Cut(raw[:at], "://")
	if !ok || strings.ContainsAny(scheme, ":@") {
		return "***" + raw[at:]
	}
	return scheme + "://***" + raw[at:]
}

// RedactURLs is [RedactURL] for a comma-separated list, such as Config.URL.
func RedactURLs(list string) string {
	urls := strings.Split(list, ",")
	for i := range urls {
		urls[i] = RedactURL(strings.TrimSpace(urls[i]))
	}
	return strings.Join(urls, ",")
}
