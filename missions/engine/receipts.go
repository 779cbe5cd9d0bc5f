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

	passing bool // it is not stored: its batch changed nothing
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

// Issue keeps the reply to a request, as a part of the batch. If the batch changes nothing else, it is not
// stored, and known only in this term: a request that was refused is not carried out when another copy of
// it comes late. A copy that was on its way to a leader before is refused by that one.
func (e *Engine) Issue(id string, reply []byte) {
	receipt := Receipt{ID: id, At: e.now, Reply: reply}
	e.receipts.add(receipt)
	e.batchBytes += len(reply)
	e.changes.Receipts = append(e.changes.Receipts, receipt)
}

// settleReceipts forgets receipts that nobody needs any more. Those of a batch that changes nothing
// are not stored.
func (e *Engine) settleReceipts(c *Changes, empty bool) {
	r := &e.receipts
	if empty {
		for _, receipt := range c.Receipts {
			receipt.passing = true
			r.byID[receipt.ID] = receipt
		}
		c.Receipts = nil
	}
	for len(r.order) > 0 && e.now.Sub(r.byID[r.order[0]].At) >= keepReceipts {
		first := r.byID[r.order[0]]
		switch {
		case !first.passing && empty: // with the next batch that changes something
			return
		case !first.passing:
			c.Spent = append(c.Spent, first.ID)
		}
		r.drop(first.ID)
		r.order = r.order[1:]
	}
	for i := 0; i < len(r.order) && r.bytes > mostReceiptsBytes; i++ {
		receipt := r.byID[r.order[i]]
		if receipt.Reply == nil || empty && !receipt.passing {
			continue
		}
		r.bytes -= len(receipt.Reply)
		receipt.Reply = nil
		r.byID[receipt.ID] = receipt
		if !receipt.passing {
			c.Receipts = append(c.Receipts, receipt)
		}
	}
}

func (r *receipts) drop(id string) {
	r.bytes -= len(r.byID[id].Reply)
	delete(r.byID, id)
}
