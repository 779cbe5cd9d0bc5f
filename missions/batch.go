package missions

// Batch counts the missions that share a batch's id. It has ended when it is closed and all
// its missions are terminal.
type Batch struct {
	ID        string           `json:"id"`
	Open      bool             `json:"open"` // more missions may be added
	Total     int64            `json:"total"`
	ByStatus  map[Status]int64 `json:"by_status"` // every status is present
	CreatedAt Time             `json:"created_at"`
	EndedAt   Time             `json:"ended_at"` // null until it has ended
}

// BatchResult is one item of [Missions.CloseBatches].
type BatchResult struct {
	Batch Batch
	Err   error
}

// BatchPage is one page of a list of batches.
type BatchPage struct {
	Batches []Batch
	Next    string // "" if there are no more
}
