package charter

import "strconv"

// direct is a payload of which there are many. It appends its fields without reflection, in
// the order of the struct, with what is written before each of them. Its encoding is that of
// [Entry.appendJSON], which a test holds against it.
type direct interface {
	Payload
	appendFields(dst []byte, labels []string) []byte
}

func (p MissionCreated) appendFields(dst []byte, labels []string) []byte {
	dst = appendText(append(dst, labels[0]...), p.MissionID)
	dst = appendText(append(dst, labels[1]...), p.Name)
	dst = appendText(append(dst, labels[2]...), p.Description)
	dst = appendText(append(dst, labels[3]...), p.Type)
	dst = appendText(append(dst, labels[4]...), p.Priority)
	dst = appendText(append(dst, labels[5]...), p.Status)
	return appendUnix(append(dst, labels[6]...), p.CreatedAt)
}

func (p MissionStatusChanged) appendFields(dst []byte, labels []string) []byte {
	dst = appendText(append(dst, labels[0]...), p.MissionID)
	dst = appendText(append(dst, labels[1]...), p.OldStatus)
	dst = appendText(append(dst, labels[2]...), p.NewStatus)
	dst = appendUnix(append(dst, labels[3]...), p.ChangedAt)
	dst = appendText(append(dst, labels[4]...), p.Reason)
	dst = strconv.AppendInt(append(dst, labels[5]...), p.Attempt, 10)
	return appendTextOrNull(append(dst, labels[6]...), p.AgentID)
}

func (p MissionLogAppended) appendFields(dst []byte, labels []string) []byte {
	dst = appendText(append(dst, labels[0]...), p.MissionID)
	dst = appendText(append(dst, labels[1]...), p.LogLevel)
	dst = appendText(append(dst, labels[2]...), p.Message)
	return appendUnix(append(dst, labels[3]...), p.AppendedAt)
}
