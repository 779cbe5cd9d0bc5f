package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"

	"missioncontrol/charter"
	"missioncontrol/charter/gen/jsonschema"
)

//go:embed events.md
var introduction string

// eventsPage returns EVENTS.md: the introduction, a table, and a section per type.
func eventsPage(entries []charter.Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("<!-- Generated from the catalogue by \"go generate ./charter\". Do not edit. -->\n\n")
	b.WriteString(introduction)
	b.WriteString("\n## All types\n\n| type | kind | target | meaning |\n|---|---|---|---|\n")
	for _, entry := range entries {
		anchor := strings.ReplaceAll(entry.Type, ".", "")
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n",
			entry.Type, anchor, entry.Kind, target(entry), entry.Description)
	}
	for _, entry := range entries {
		if err := section(&b, entry); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func section(b *bytes.Buffer, entry charter.Entry) error {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", entry.Type, what(entry))
	fmt.Fprintf(b, "Kind: %s. Source: `%s`. Target: %s. Module: `%s`. Schema: [`schema/%s.json`](schema/%[5]s.json).\n\n",
		entry.Kind, entry.Source, target(entry), entry.SourceModule, entry.Type)
	b.WriteString("| field | type | unit | meaning |\n|---|---|---|---|\n")
	for _, field := range entry.Fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", field.Name, form(field), field.Unit, about(field))
	}
	sample, err := example(entry)
	if err != nil {
		return err
	}
	text, err := jsonschema.Indent(sample)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n```json\n%s```\n", text)
	return nil
}

// what returns what an event reports, and when it is sent.
func what(entry charter.Entry) string { return entry.Description + " " + entry.When }

func target(entry charter.Entry) string {
	if entry.Targeted {
		return "`mission_<mission_id>`"
	}
	return "null"
}

func form(field charter.Field) string {
	name := map[charter.Form]string{
		charter.FormText:   "string",
		charter.FormTexts:  "array of strings",
		charter.FormCount:  "whole number, 0 or more",
		charter.FormNumber: "number",
		charter.FormTime:   "number",

		charter.FormConditions: "array of objects with one of `mission`, `batch`, `signal`",
	}[field.Form]
	if field.Nullable {
		name += " or null"
	}
	return name
}

func about(field charter.Field) string {
	if len(field.Values) == 0 {
		return field.Description
	}
	return field.Description + " One of `" + strings.Join(field.Values, "`, `") + "`; new values may be added."
}
