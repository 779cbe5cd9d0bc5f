package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"missioncontrol/charter"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
)

// asyncAPIDocument returns the AsyncAPI 3.0 document: requests, commands and events.
func asyncAPIDocument(comment comments) (object, error) {
	a := &async{schemas: newSchemas(comment), channels: object{}, operations: object{}, messages: object{}}
	for _, op := range api.Operations() {
		if op.Subject != "" {
			a.request(op)
		}
	}
	a.command()
	for _, entry := range charter.Catalogue() {
		if err := a.event(&entry); err != nil {
			return nil, err
		}
	}
	return object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Mission Control", "version": api.DevVersion, "license": object{"name": "Apache-2.0"},
			"description": "Requests are NATS request-reply. An error reply has the headers Nats-Service-Error-Code and Nats-Service-Error. Events are in the JetStream stream EVENTS. See docs/PROTOCOL.md.",
		},
		"defaultContentType": "application/json",
		"servers":            object{"nats": object{"host": "127.0.0.1:4222", "protocol": "nats", "description": "The embedded broker, or your own"}},
		"channels":           a.channels,
		"operations":         a.operations,
		"components":         object{"messages": a.messages, "schemas": a.components},
	}, nil
}

type async struct {
	*schemas
	channels, operations, messages object
}

// message adds a message and returns a reference to it.
func (a *async) message(name string, payload any, title string) object {
	a.messages[name] = object{"name": name, "title": title, "payload": payload}
	return object{"$ref": "#/components/messages/" + name}
}

// payload adds the message of a type and returns a reference to it.
func (a *async) payload(t reflect.Type) object {
	return a.message(spec.ComponentName(t), a.component(t), spec.ComponentName(t))
}

// channel adds a channel. In its subject * is a placeholder for an agent's id.
func (a *async) channel(name, subject, description string, messages ...object) object {
	channel := object{"address": strings.Replace(subject, "*", "{agent}", 1), "description": description}
	if strings.Contains(subject, "*") {
		channel["parameters"] = object{"agent": object{"description": "The agent's ID, " + missions.TokenRule}}
	}
	listed := object{}
	for _, message := range messages {
		listed[strings.TrimPrefix(message["$ref"].(string), "#/components/messages/")] = message
	}
	channel["messages"] = listed
	a.channels[name] = channel
	return object{"$ref": "#/channels/" + name}
}

// in returns a reference to a message of a channel.
func in(channel, message object) object {
	return object{"$ref": channel["$ref"].(string) + "/messages/" + strings.TrimPrefix(message["$ref"].(string), "#/components/messages/")}
}

// request adds an endpoint and the inbox for its reply.
func (a *async) request(op *api.Operation) {
	request, reply, refusal := a.payload(op.Request), a.payload(op.Reply), a.payload(spec.ErrorReply())
	channel := a.channel(op.Name, op.Subject, op.Summary, request)
	inbox := a.channel(op.Name+"-reply", "", "The client's inbox", reply, refusal)
	a.channels[op.Name+"-reply"].(object)["address"] = nil
	a.operations[op.Name] = object{
		"action": "receive", "summary": op.Summary, "channel": channel, "messages": []object{in(channel, request)},
		"reply": object{
			"address": object{"location": "$message.header#/reply", "description": "The reply subject of the request"},
			"channel": inbox, "messages": []object{in(inbox, reply), in(inbox, refusal)},
		},
		"bindings": object{"nats": object{"queue": api.Service, "bindingVersion": "0.1.0"}},
	}
}

// command adds the messages that are pushed to agents.
func (a *async) command() {
	subject, t := spec.Command()
	message := a.payload(t)
	channel := a.channel("agent-commands", subject, "Commands to an agent; the next heartbeat's reply contains the same", message)
	a.operations["agent-commands"] = object{"action": "send", "summary": "Tell an agent to stop working on a mission, or that the mission has a signal", "channel": channel, "messages": []object{in(channel, message)}}
}

// event adds an event type and its schema.
func (a *async) event(entry *charter.Entry) error {
	text, ok := charter.Schema(entry.Type)
	if !ok {
		return fmt.Errorf("there is no schema of %s", entry.Type)
	}
	var schema object
	if err := json.Unmarshal(text, &schema); err != nil {
		return fmt.Errorf("the schema of %s: %w", entry.Type, err)
	}
	delete(schema, "$schema")
	delete(schema, "$id")
	a.components["event."+entry.Type] = schema
	message := a.message("event."+entry.Type, object{"$ref": "#/components/schemas/event." + entry.Type}, entry.Type)
	a.messages["event."+entry.Type].(object)["summary"] = entry.Description
	channel := a.channel("events."+entry.Type, "events."+entry.Type, entry.Description, message)
	a.operations["events."+entry.Type] = object{"action": "send", "summary": entry.Description, "channel": channel, "messages": []object{in(channel, message)}}
	return nil
}
