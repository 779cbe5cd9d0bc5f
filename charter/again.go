package charter

// Reencode turns the encoding of another event into that of e, in place, if the two differ
// only in their IDs, as those from [Event.Again] do. If it returns false, the encoding is
// unchanged.
func (e *Event) Reencode(encoded []byte, of *Event) bool {
	const begin = len(`{"id":"`)
	if !e.isAgain(of) || len(encoded) < begin+36 {
		return false
	}
	appendUUID(encoded[begin:begin], e.ID)
	return true
}

// isAgain reports whether e differs from another valid event only in its ID. It may be wrong
// about events that have extra fields in a map, or a payload of their own.
func (e *Event) isAgain(of *Event) bool {
	return same(e.Payload, of.Payload) && same(e.checked, e.Payload) && same(of.checked, of.Payload) &&
		e.ID != of.ID && e.ID != [16]byte{} &&
		e.Type == of.Type && e.Source == of.Source && e.Target == of.Target && e.Timestamp.Equal(of.Timestamp) &&
		len(e.Extra) == 0 && len(of.Extra) == 0 && e.Meta.isAgain(&of.Meta)
}

func (m *Meta) isAgain(of *Meta) bool {
	return m.SchemaVersion == of.SchemaVersion && m.Producer == of.Producer && m.SourceModule == of.SourceModule &&
		m.CorrelationID == of.CorrelationID && m.Traceparent == of.Traceparent && len(m.Extra) == 0 && len(of.Extra) == 0 &&
		string(m.written) == string(of.written)
}
