package api

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
)

// MaxSeconds bounds the times that are understood. It is far beyond any date so that a time given
// in milliseconds by mistake is still read, and whoever uses it can say what is wrong with it.
const MaxSeconds = 1e15

// A Time is a moment as the protocols carry it: a JSON number of seconds since 1970 with up to three
// decimals.
type Time struct {
	time.Time
}

// NewTime returns t in whole milliseconds, which is what survives a journey over the wire.
func NewTime(t time.Time) *Time {
	return &Time{t.UTC().Truncate(time.Millisecond)}
}

// MarshalJSON writes seconds since 1970, with decimals only where there are any.
func (t Time) MarshalJSON() ([]byte, error) {
	ms := t.UnixMilli()
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	b := strconv.AppendInt([]byte(sign), ms/1000, 10)
	if frac := ms % 1000; frac != 0 {
		b = bytes.TrimRight(fmt.Appendf(b, ".%03d", frac), "0")
	}
	return b, nil
}

// UnmarshalJSON reads seconds since 1970 and keeps milliseconds, rounded to the nearest.
func (t *Time) UnmarshalJSON(b []byte) error {
	s, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(s) > MaxSeconds {
		return fmt.Errorf("expected a number of seconds since 1970, got %s", b)
	}
	whole, frac := math.Modf(s)
	t.Time = time.UnixMilli(int64(whole)*1000 + int64(math.Round(frac*1000))).UTC()
	return nil
}
