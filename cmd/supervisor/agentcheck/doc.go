// Package agentcheck plays a supervisor to an agent under test, and says what the agent does
// wrong. The agent may be written in any language: it is a program that talks to the
// supervisor over NATS or HTTP.
//
// A script answers requests the way a supervisor does, and records them; transports carry
// them. A check runs one program against one script, and judges by the order of what
// happened. Time counts only where the protocol says so, and then in multiples of the
// intervals that the agent was told, plus what this machine was late by.
package agentcheck
