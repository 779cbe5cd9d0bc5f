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

// How long receipts are kept, which is longer than a supervisor tries. Of replies, some bytes
// are kept: the oldest are dropped, and their receipts then say no more than that the request
// was carried out.
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
		receipt.At = 0 // it is kept from now on, whatever the clock of the leader before said
		r.add(receipt)
	}
}

// shift follows the time of a term's first batch, and steps of the clock.
func (r *receipts) shift(now missions.Time, by time.Duration) {
	for id, receipt := range r.byID {
		if receipt.At == 0 {
			receipt.At = now
		} else {
			receipt.At = receipt.At.Add(by)
		}
		r.byID[id] = receipt
	}
}

func (r *receipts) add(of Receipt) {
	r.byID[of.ID] = of
	r.order = append(r.order, of.ID)
	r.bytes += len(of.Reply)
}

// Receipt returns the reply to a request, if it was carried out.
//
// reply is nil if it is no longer kept.
func (e *Engine) Receipt(id string) (reply []byte, there bool) {
	receipt, there := e.receipts.byID[id]
	return receipt.Reply, there
}

// Issue keeps the reply to a request, as a part of the batch. If the batch changes nothing else,
// nothing is kept: the request can be carried out again.
func (e *Engine) Issue(id string, reply []byte) {
	receipt := Receipt{ID: id, At: e.now, Reply: reply}
	e.receipts.add(receipt)
	e.batchBytes += len(reply)
	e.changes.Receipts = append(e.changes.Receipts, receipt)
}

// settleReceipts forgets receipts that nobody needs any more. Those of a batch that changes nothing
// are not kept.
func (e *Engine) settleReceipts(c *Changes, empty bool) {
	r := &e.receipts
	if empty {
		for _, receipt := range c.Receipts {
			r.drop(receipt.ID)
		}
		r.order = r.order[:len(r.order)-len(c.Receipts)]
		c.Receipts = nil
		return
	}
	for len(r.order) > 0 && e.now.Sub(r.byID[r.order[0]].At) >= keepReceipts {
		c.Spent = append(c.Spent, r.order[0])
		r.drop(r.order[0])
		r.order = r.order[1:]
	}
	for i := 0; i < len(r.order) && r.bytes > mostReceiptsBytes; i++ {
		receipt := r.byID[r.order[i]]
		if receipt.Reply == nil {
			continue
		}
		r.bytes -= len(receipt.Reply)
		receipt.Reply = nil
		r.byID[receipt.ID] = receipt
		c.Receipts = append(c.Receipts, receipt)
	}
}

func (r *receipts) drop(id string) {
	r.bytes -= len(r.byID[id].Reply)
	delete(r.byID, id)
}
