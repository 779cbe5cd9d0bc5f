package web

import (
	"context"
	"net/http"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

// agentRoutes adds the routes of agents, which work as over NATS.
func (d frontEnd) agentRoutes(mux *routeTable, service *supervisor.Service) {
	agentRoute(mux, d, api.OpRegister, service.Register)
	agentRoute(mux, d, api.OpHeartbeat, service.Heartbeat)
	agentRoute(mux, d, api.OpClaim, service.Claim)
	agentRoute(mux, d, api.OpProgress, service.Progress)
	agentRoute(mux, d, api.OpAppendLog, service.AppendLog)
	agentRoute(mux, d, api.OpComplete, service.Complete)
	agentRoute(mux, d, api.OpFail, service.Fail)
	agentRoute(mux, d, api.OpRelease, service.Release)
	agentRoute(mux, d, api.OpLeave, service.Leave)
	agentRoute(mux, d, api.OpCreateChildren, service.CreateChildren)
	agentRoute(mux, d, api.OpSignals, service.Signals)
	agentRoute(mux, d, api.OpInput, service.Input)
	mux.HandleFunc(api.OpCommands.HTTP, d.commands(service))
}

// agentRoute adds the route of an agent's operation that a method of the service answers.
func agentRoute[Q, R any](mux *routeTable, d frontEnd, op api.AgentOp[Q, R], method func(context.Context, string, Q) (R, error)) {
	bound := newBound(admission.For(op.Kind))
	mux.HandleFunc(op.HTTP, d.asAgent(d.withBody(bound, func(w http.ResponseWriter, r *http.Request, body []byte) {
		request, err := api.Decode[Q](body)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		reply, err := method(requestContext(r), r.PathValue(api.PathAgent), request)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		d.reply(w, r, http.StatusOK, reply)
	})))
}

// asAgent passes on the requests of those who may act as the agent in the path: the agent
// itself, by its token, and admins. Operators may not: an agent's reports are its own.
func (d frontEnd) asAgent(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		agentID := r.PathValue(api.PathAgent)
		err := missions.CheckToken(api.PathAgent, agentID)
		if who := credentialOf(r); err == nil && !who.actsAs(agentID) {
			err = forbidden("this requires the token of the agent " + agentID + ", or one with the role " + string(roles.Admin))
		}
		if err != nil {
			ignoreBody(w, r)
			d.refuse(w, r, err)
			return
		}
		next(w, r)
	}
}

// commands serves the commands to an agent as server-sent events.
func (d frontEnd) commands(service *supervisor.Service) http.HandlerFunc {
	return d.asAgent(d.within(newBound(admission.For(api.KindConnected)), func(w http.ResponseWriter, r *http.Request) {
		d.push(w, r, func(ctx context.Context, s *sender) error {
			return service.Commands(ctx, r.PathValue(api.PathAgent), commandSender{s})
		})
	}))
}

// commandSender sends the commands to an agent.
type commandSender struct{ *sender }

func (c commandSender) Ready() error                      { return c.send("", "ready", []byte("{}")) }
func (c commandSender) Command(command api.Command) error { return c.sendJSON("command", command) }
func (c commandSender) Idle() error                       { return c.idle() }
