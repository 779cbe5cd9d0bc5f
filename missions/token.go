package missions

import "fmt"

// IDs, types and tags are tokens, so that none of them has a special meaning in a subject,
// a key or a shell.
const (
	MaxTokenChars = 64
	TokenClass    = "A-Za-z0-9_-"                // its characters, as a regular expression's class
	TokenRule     = "1 to 64 of A-Z a-z 0-9 _ -" // for people
)

// CheckToken returns an [ErrInvalid] unless s is a token, as [TokenRule] says.
func CheckToken(field, s string) error {
	if s == "" {
		return Invalid(field, "is required")
	}
	if len(s) > MaxTokenChars {
		return Invalid(field, "is longer than %d characters", MaxTokenChars)
	}
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return Invalid(field, "may contain only letters, digits, _ and -")
		}
	}
	return nil
}

// CheckTokens applies [CheckToken] to each element and limits their number.
func CheckTokens(field string, tokens []string, most int) error {
	if len(tokens) > most {
		return TooLarge(field, "has more than %d entries", most)
	}
	for i, token := range tokens {
		if err := CheckToken(fmt.Sprintf("%s[%d]", field, i), token); err != nil {
			return err
		}
	}
	return nil
}
