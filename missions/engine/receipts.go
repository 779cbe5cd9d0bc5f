package engine

import (
	"cmp"
	"slices"
	"time"

	"missioncontrol/missions"
)

// Receipt is the reply to a forwarded request that was carried out. A supervisor that has lost
// the reply sends the request again, with the same id, perhaps to the next leader.
type Receipt struct {
	ID    string
	At    missions.Time
	Reply []byte
}

// How long receipts are kept, and how many bytes of replies. A supervisor gives up sooner.
const (
	keepReceipts      = time.Minute
	mostReceiptsBytes = 16 << 20
)

// receipts are the receipts that are kept, and their ids in the order in which they were issued.
type receipts struct {
	byID  map[string]Receipt
	order []string
	bytes int
}

func (r *receipts) load(stored []Receipt) {
	r.byID = map[string]Receipt{}
	for _, receipt := range slices.SortedFunc(slices.Values(stored), func(a, b Receipt) int { return cmp.Compare(a.At, b.At) }) {
		r.add(receipt)
	}
}

func (r *receipts) add(of Receipt) {
	r.byID[of.ID] = of
	r.order = append(r.order, of.ID)
	r.bytes += len(of.Reply)
}

// Receipt returns the reply to a request, if it was carried out.
func (e *Engine) Receipt(id string) (reply []byte, there bool) {
	receipt, there := e.receipts.byID[id]
	return receipt.Reply, there
}

// Issue keeps the reply to a request, as a part of the batch. If the batch changes nothing else,
// nothing is kept: the request can be carried out again.
func (e *Engine) Issue(id string, reply []byte) {
	receipt := Receipt{ID: id, At: e.now, Reply: reply}
	e.receipts.add(receipt)
	e.changes.Receipts = append(e.changes.Receipts, receipt)
}

// forgetReceipts forgets those that nobody needs any more.
func (e *Engine) forgetReceipts(c *Changes) {
	r := &e.receipts
	for len(r.order) > 0 {
		oldest := r.byID[r.order[0]]
		if e.now.Sub(oldest.At).Abs() < keepReceipts && r.bytes <= mostReceiptsBytes {
			return
		}
		delete(r.byID, oldest.ID)
		r.order = r.order[1:]
		r.bytes -= len(oldest.Reply)
		c.Spent = append(c.Spent, oldest.ID)
	}
}
