package main

import (
	"reflect"
	"strings"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
)

// openAPIDocument returns the OpenAPI 3.1 document.
func openAPIDocument(comment comments) object {
	s := &schemas{comment: comment, components: object{}}
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
			"title": "Mission Control", "version": "1.0.0",
			"summary":     "A supervisor for fleets of agents",
			"description": "Times are Unix seconds. Replies may gain fields; a request that has an unknown one is refused. See docs/PROTOCOL.md.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []object{{"url": "/"}},
		"security": []object{{}, {"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": s.components,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer",
				"description": "Where the supervisor has tokens; see docs/OPERATIONS.md."}},
			"responses": object{"Error": object{
				"description": "A refusal, with the status of its code",
				"content":     jsonContent(s.component(spec.ErrorReply())),
			}},
		},
	}
}

func jsonContent(schema object) object { return object{"application/json": object{"schema": schema}} }

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
		out["responses"].(object)["default"] = object{"description": "Not", "content": content}
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
	if op.Request == nil {
		return nil
	}
	for field := range fieldsOf(op.Request) {
		name, _ := jsonName(field)
		schema := s.of(field.Type, false)
		parameter := object{"name": name, "schema": schema}
		if doc := s.comment[op.Request.String()+"."+field.Name]; doc != "" {
			parameter["description"] = doc
		}
		switch {
		case strings.Contains(path, "{"+name+"}"):
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
func (s *schemas) body(request reflect.Type, path string) object {
	if !strings.Contains(path, "{id}") {
		return s.component(request)
	}
	properties, required := object{}, []string{}
	var single reflect.Type
	s.fields(request, properties, &required, &single)
	delete(properties, "id")
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}
