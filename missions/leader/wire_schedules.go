package leader

import (
	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

func wireScheduleRequest(c *codec.Codec, q *missions.ScheduleRequest) {
	wireJSON(c, &q.Spec)
	codec.Text(c, &q.By)
	codec.Flag(c, &q.ByProven)
	codec.Number(c, &q.IfChangedAt)
}

func wireScheduleResult(c *codec.Codec, r *missions.ScheduleResult) {
	wireJSON(c, &r.Schedule)
	codec.Flag(c, &r.Changed)
	wireError(c, &r.Err)
}

func wireDeleteSchedule(c *codec.Codec, q *missions.DeleteScheduleRequest) {
	codec.Text(c, &q.ID)
	codec.Text(c, &q.By)
}

func wireBackfill(c *codec.Codec, q *missions.BackfillRequest) {
	codec.Text(c, &q.ID)
	codec.Number(c, &q.From)
	codec.Number(c, &q.To)
}

func wireBackfilled(c *codec.Codec, b *missions.Backfilled) {
	codec.Number(c, &b.Created)
	codec.Number(c, &b.Existing)
	optionalList(c, &b.Ready, codec.Text)
	optionalList(c, &b.Stop, wireStopped)
	codec.Number(c, &b.Next)
	wireError(c, &b.Err)
}
