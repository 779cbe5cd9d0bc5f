// Command gen writes the OpenAPI and the AsyncAPI document of the protocol.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes both documents for the package in dir.
func run(dir string) error {
	openAPI, asyncAPI, err := documents(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/openapi.json", openAPI, 0o644); err != nil {
		return err
	}
	return os.WriteFile(dir+"/asyncapi.json", asyncAPI, 0o644)
}

// documents generates both documents from the sources around the package in dir.
func documents(dir string) (openAPI, asyncAPI []byte, err error) {
	comment, err := readComments(dir+"/..", dir+"/../../../missions")
	if err != nil {
		return nil, nil, err
	}
	if openAPI, err = indent(openAPIDocument(comment)); err != nil {
		return nil, nil, err
	}
	document, err := asyncAPIDocument(comment)
	if err != nil {
		return nil, nil, err
	}
	asyncAPI, err = indent(document)
	return openAPI, asyncAPI, err
}

// object is a JSON object, whose names are written in alphabetical order.
type object map[string]any

// indent writes a document with every object's names in alphabetical order.
func indent(document object) ([]byte, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var sorted any
	if err := json.Unmarshal(text, &sorted); err != nil {
		return nil, err
	}
	text, err = json.MarshalIndent(sorted, "", "  ")
	return append(text, '\n'), err
}
