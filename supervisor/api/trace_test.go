package api

import (
	"strings"
	"testing"
)

func TestTraceparent(t *testing.T) {
	t.Parallel()
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for text, want := range map[string]bool{
		good:                            true,
		"cc" + good[2:] + "-what-comes": true,
		"":                              false,
		good + "-more":                  false,
		"ff" + good[2:]:                 false,
		strings.ToUpper(good):           false,
		good[:54]:                       false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false,
		"00-0af7651916cd43dd8448eb211c8031\n-b7ad6b7169203331-01": false,
		"cc" + good[2:] + "-" + strings.Repeat("x", 300):          false,
	} {
		got := TraceOf(WithTrace(t.Context(), text))
		if (got == text && got != "") != want {
			t.Errorf("%q is carried as %q, want it carried: %t", text, got, want)
		}
	}
}
