package main

import (
	"bytes"
	"testing"

	"missioncontrol/supervisor/api/spec"
)

func TestTheDocumentsAreFresh(t *testing.T) {
	t.Parallel()
	openAPI, asyncAPI, err := documents("..")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(openAPI, spec.OpenAPI) || !bytes.Equal(asyncAPI, spec.AsyncAPI) {
		t.Error("the documents are stale: run make generate")
	}
}
