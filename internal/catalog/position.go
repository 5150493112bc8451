package catalog

import (
	"strconv"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
)

// A Position is a place in the order of a list: behind the record it names. It says nothing about
// whether that record is still there, which is what keeps pages stable while records come and go.
type Position struct {
	Created int64 // milliseconds since 1970
	ARN     arn.ARN
}

// PositionOf returns the place behind r.
func PositionOf(r Record) Position {
	return Position{Created: r.Created.UnixMilli(), ARN: r.ARN}
}

// String returns the form that List hands out and takes back.
func (p Position) String() string {
	return strconv.FormatInt(p.Created, 10) + " " + string(p.ARN)
}

// ParsePosition reads what String wrote. fault.BadToken.
func ParsePosition(s string) (Position, error) {
	ms, a, ok := strings.Cut(s, " ")
	created, err := strconv.ParseInt(ms, 10, 64)
	if !ok || err != nil || a == "" {
		return Position{}, badToken()
	}
	return Position{Created: created, ARN: arn.ARN(a)}, nil
}

// Before reports whether a record at p is listed earlier than one at q, oldest first.
func (p Position) Before(q Position) bool {
	if p.Created != q.Created {
		return p.Created < q.Created
	}
	return p.ARN < q.ARN
}

// millis cuts t to what a Store keeps.
func millis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }
