package sqlitestore

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// list returns a page of missions.
func (c *conn) list(f *missions.Filter) (page missions.Page, err error) {
	page.Missions = []missions.Mission{}
	sql, args := listQuery(f)
	var last int64
	examined, size := 0, 0
	err = c.query(sql, func(candidate *sqlite3.Stmt) (bool, error) {
		if examined == missions.MaxExamined || f.Limit > 0 && len(page.Missions) == f.Limit {
			page.Next = last
			return false, nil
		}
		seq := candidate.ColumnInt64(0)
		if matches(candidate, f) {
			r, err := c.loadSeq(seq)
			if err != nil {
				return false, err
			}
			if !r.Matches(f) {
				examined++
				last = seq
				return true, nil
			}
			size += r.SizeEstimate()
			if f.MaxBytes > 0 && size > f.MaxBytes && len(page.Missions) > 0 {
				page.Next = last
				return false, nil
			}
			page.Missions = append(page.Missions, r.Output())
		}
		examined++
		last = seq
		return true, nil
	}, args...)
	return page, err
}

// listQuery picks the index that narrows most and walks it from new to old. What
// the index does not decide, matches does. Each query names its index: SQLite,
// which does not know how many missions a type or a status has, may pick worse.
func listQuery(f *missions.Filter) (sql string, args []any) {
	below, above := int64(math.MaxInt64), int64(0)
	if f.CreatedBefore > 0 {
		below = int64(f.CreatedBefore)
	}
	if f.Cursor > 0 {
		below = min(below, f.Cursor)
	}
	if f.CreatedAfter > 0 {
		above = int64(f.CreatedAfter)
	}
	const columns = "SELECT m.seq, m.status, m.type, m.agent_id, m.tags, m.name, m.ready FROM "
	const window = " AND m.seq < ? AND m.seq > ?"
	const newest = " ORDER BY m.seq DESC"
	status := f.Status
	if f.Waiting != "" && status == "" {
		status = missions.Pending
	}
	labels := engine.FilterLabels(f)
	if len(labels) == 0 && f.Tag != "" {
		labels = []string{f.Tag}
	}
	switch {
	case f.AgentID != "":
		return columns + "missions m INDEXED BY missions_agent WHERE m.agent_id = ?" + window + newest, []any{f.AgentID, below, above}
	case len(labels) > 0: // the others are compared
		return columns + "tags t CROSS JOIN missions m ON m.seq = t.seq WHERE t.tag = ? AND t.seq < ? AND t.seq > ? ORDER BY t.seq DESC",
			[]any{labels[0], below, above}
	case f.Type != "" && status != "":
		return columns + "missions m INDEXED BY missions_type WHERE m.type = ? AND m.status = ?" + window + newest,
			[]any{f.Type, status.Index(), below, above}
	case f.Type != "":
		// The index has the statuses apart; a compound select merges them in order.
		parts := make([]string, 0, 5)
		for range statuses {
			parts = append(parts, columns+"missions m INDEXED BY missions_type WHERE m.type = ? AND m.status = ?"+window)
			args = append(args, f.Type, len(parts)-1, below, above)
		}
		return strings.Join(parts, " UNION ALL ") + " ORDER BY 1 DESC", args
	case status != "":
		return columns + "missions m INDEXED BY missions_status WHERE m.status = ?" + window + newest, []any{status.Index(), below, above}
	}
	return columns + "missions m WHERE m.seq < ? AND m.seq > ?" + newest, []any{below, above}
}

func matches(candidate *sqlite3.Stmt, f *missions.Filter) bool {
	if f.Status != "" && candidate.ColumnInt(1) != f.Status.Index() ||
		f.Type != "" && candidate.ColumnText(2) != f.Type ||
		f.AgentID != "" && candidate.ColumnText(3) != f.AgentID ||
		f.Waiting != "" && f.Waiting != missions.WaitLimit && candidate.ColumnBool(6) {
		return false
	}
	if f.Tag != "" {
		var tags []string
		if json.Unmarshal(candidate.ColumnRawText(4), &tags) != nil || !slices.Contains(tags, f.Tag) {
			return false
		}
	}
	return f.MatchesText(candidate.ColumnText(5))
}
