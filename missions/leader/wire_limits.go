package leader

import (
	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

func wireLimitRequest(c *codec.Codec, q *missions.LimitRequest) {
	wireJSON(c, &q.Spec)
	codec.Text(c, &q.By)
	codec.Flag(c, &q.ByProven)
	codec.Number(c, &q.IfChangedAt)
}

func wireLimitResult(c *codec.Codec, r *missions.LimitResult) {
	wireJSON(c, &r.Limit)
	codec.Flag(c, &r.Changed)
	wireError(c, &r.Err)
}

func wireDeleteLimit(c *codec.Codec, q *missions.DeleteLimitRequest) {
	codec.Text(c, &q.Name)
	codec.Text(c, &q.By)
}

func wireLimits(c *codec.Codec, q *missions.LimitsRequest) {
	codec.Text(c, &q.Cursor)
	codec.Number(c, &q.Limit)
}

func wireLimitPage(c *codec.Codec, p *missions.LimitPage) {
	codec.Sequence(c, &p.Limits, wireJSON[missions.LimitStatus])
	codec.Text(c, &p.Next)
}

func wireHold(c *codec.Codec, h *missions.Hold) {
	codec.Text(c, &h.Limit)
	codec.Text(c, &h.Type)
	codec.Flag(c, &h.All)
	optionalList(c, &h.Keys, codec.Text)
}
