package spec_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"missioncontrol/supervisor/api/spec"
	"missioncontrol/test/fatal"
)

func TestTheOpenAPIDocumentIsOne(t *testing.T) {
	t.Parallel()
	document, err := libopenapi.NewDocument(spec.OpenAPI)
	must(t, err)
	v, errs := validator.NewValidator(document)
	for _, err := range errs {
		t.Fatal(err)
	}
	if valid, errs := v.ValidateDocument(); !valid {
		for _, err := range errs {
			t.Error(err.Error())
		}
	}
}

// asyncAPISchema is the official JSON Schema of AsyncAPI; test/prepare downloads it.
const asyncAPISchema = "../../../.cache/npm/node_modules/@asyncapi/specs/schemas/3.0.0.json"

func TestTheAsyncAPIDocumentIsOne(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(asyncAPISchema)
	if err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	must(t, err)
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource("asyncapi.json", schema))
	compiled, err := compiler.Compile("asyncapi.json")
	must(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(spec.AsyncAPI))
	must(t, err)
	if err := compiled.Validate(document); err != nil {
		t.Error(err)
	}
}

var must = fatal.If

// The descriptions come from comments in the source, but their readers use any language,
// and the version that has the document.
func TestDescriptionsNeedNoSource(t *testing.T) {
	t.Parallel()
	foreign := regexp.MustCompile(`\bnil\b|errors\.Is|\bStore\.|this version|not have yet`)
	for name, text := range map[string][]byte{"OpenAPI": spec.OpenAPI, "AsyncAPI": spec.AsyncAPI} {
		for _, line := range regexp.MustCompile(`"(?:description|summary)": ".*"`).FindAll(text, -1) {
			if foreign.Match(line) {
				t.Errorf("%s has %s", name, line)
			}
		}
	}
}
