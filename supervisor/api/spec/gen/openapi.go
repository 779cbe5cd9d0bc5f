package main

import (
	"reflect"
	"slices"
	"strings"

	"missioncontrol/charter/gen/jsonschema"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
)

// openAPIDocument returns the OpenAPI 3.1 document.
func openAPIDocument(comment comments) object {
	s := newSchemas(comment)
	paths := object{}
	for _, op := range api.Operations() {
		if op.HTTP == "" {
			continue
		}
		method, path, _ := strings.Cut(op.HTTP, " ")
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(method)] = s.httpOperation(op, method, path)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Mission Control", "version": api.DevVersion,
			"summary":     "A supervisor for fleets of agents",
			"description": "Times are Unix seconds. Replies may gain fields; requests with unknown fields are refused. See docs/PROTOCOL.md.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []object{
			{"url": "..", "description": "The supervisor that serves this document, also under a path of a proxy"},
			{"url": "http://127.0.0.1:8080", "description": "A supervisor at its default address"},
		},
		"security": []object{{}, {"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": s.components,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer",
				"description": "Required if the supervisor runs with --tokens-file; see docs/OPERATIONS.md."}},
			"responses": object{"Error": object{
				"description": "An error; the status depends on its code",
				"content":     jsonContent(s.component(spec.ErrorReply())),
			}},
		},
	}
}

func jsonContent(schema any) object { return object{"application/json": object{"schema": schema}} }

func (s *schemas) httpOperation(op *api.Operation, method, path string) object {
	out := object{"summary": op.Summary, "operationId": operationID(op, method, path)}
	if parameters := s.parameters(op, method, path); len(parameters) > 0 {
		out["parameters"] = parameters
	}
	if method == "POST" && op.Request != nil {
		out["requestBody"] = object{"required": false, "content": jsonContent(s.body(op.Request, path))}
		if strings.Count(path, "{") == 0 {
			out["requestBody"].(object)["required"] = true
		}
	}
	content := object{}
	switch {
	case op.Reply != nil:
		content = jsonContent(s.component(op.Reply))
	case op.Media == "application/json":
		content = jsonContent(object{"type": "object"})
	default:
		content[op.Media] = object{"schema": object{"type": "string"}}
	}
	out["responses"] = object{
		"200":     object{"description": op.Summary, "content": content},
		"default": object{"$ref": "#/components/responses/Error"},
	}
	if op.Reply == nil && op.Media == "text/plain" {
		out["responses"].(object)["default"] = object{"description": "Not ready, or not allowed", "content": content}
	}
	return out
}

// operationID returns the name of the service's method, or the end of the path.
func operationID(op *api.Operation, method, path string) string {
	if op.Method != "" {
		return strings.ToLower(op.Method[:1]) + op.Method[1:]
	}
	name := strings.NewReplacer("/api/", "", "/", "", ".json", "").Replace(path)
	if method == "GET" {
		return name
	}
	return strings.ToLower(method) + strings.ToUpper(name[:1]) + name[1:]
}

// parameters returns the parameters in the path and, if there is no body, the request's
// fields.
func (s *schemas) parameters(op *api.Operation, method, path string) (out []object) {
	if op.Access == api.AccessAgent {
		out = append(out, object{"name": api.PathAgent, "in": "path", "required": true, "schema": object{"type": "string"},
			"description": "The agent's ID, " + missions.TokenRule})
	}
	if op.Request == nil {
		return out
	}
	fields, _ := s.fields(op.Request)
	for _, field := range fields {
		parameter := object{"name": field.Name, "schema": s.Of(field.Type, false)}
		if field.Description != "" {
			parameter["description"] = field.Description
		}
		switch {
		case strings.Contains(path, "{"+field.Name+"}"):
			parameter["in"], parameter["required"] = "path", true
		case method == "GET":
			parameter["in"] = "query"
		default:
			continue
		}
		out = append(out, parameter)
	}
	return out
}

// body returns the schema of the request without the fields in the path.
func (s *schemas) body(request reflect.Type, path string) jsonschema.Object {
	if !strings.Contains(path, "{id}") {
		return s.component(request)
	}
	fields, _ := s.fields(request)
	fields = slices.DeleteFunc(fields, func(f jsonschema.Field) bool { return f.Name == "id" })
	return s.Struct(fields).With("additionalProperties", false)
}
