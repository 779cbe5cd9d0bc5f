// Package fatal ends a test at an error that it does not expect. Test packages name it
// must:
//
//	var must = fatal.If
package fatal

import "testing"

// If ends the test if err is not nil. It must be called from the test's goroutine.
func If(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
