package api

// Session is who is asking over HTTP, as the one who asks sees it.
type Session struct {
	Authentication bool   `json:"authentication"` // whether a token is needed here
	Role           string `json:"role,omitzero"`  // what the one who asks may do; none without a token
	Name           string `json:"name,omitzero"`  // whom the token was made for
}
