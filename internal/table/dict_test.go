package table

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// FuzzDict compares the dictionary with a map.
func FuzzDict(f *testing.F) {
	f.Add("a b a  abcdefgh abcdefghi abcdefgh\x00 \x00 \x00\x00", 0)
	f.Add(strings.Repeat("x y zzzzzzzzzzzzzzzzzz ", 3), 40)
	f.Fuzz(func(t *testing.T, text string, room int) {
		d := NewDict(min(room, 1000))
		for range 2 { // the second time after Reset
			d.Reset()
			want := map[string]uint32{}
			for _, s := range strings.Split(text, " ") {
				if _, ok := want[s]; !ok {
					want[s] = uint32(len(want))
				}
				if got := d.Code([]byte(s)); got != want[s] || d.At(int(got)) != s {
					t.Fatalf("Code(%q) = %d, At(%d) = %q, want %d", s, got, got, d.At(int(got)), want[s])
				}
			}
			if d.Len() != len(want) {
				t.Fatalf("Len() = %d, want %d", d.Len(), len(want))
			}
		}
	})
}

func TestDictGrows(t *testing.T) {
	d := NewDict(0)
	const n = 200_000
	for round := range 2 {
		for i := range n {
			s := fmt.Sprintf("%0*d", 1+i%20, i) // short and long ones
			if got := d.CodeOf(s); round == 1 && d.At(int(got)) != s {
				t.Fatalf("At(CodeOf(%q)) = %q", s, d.At(int(got)))
			}
		}
	}
	if d.Len() != n {
		t.Errorf("Len() = %d, want %d", d.Len(), n)
	}
	if d.Size() > 64*n {
		t.Errorf("Size() = %d, want at most 64 bytes a string", d.Size())
	}
}

// BenchmarkCode looks up ids that are known.
func BenchmarkCode(b *testing.B) {
	for _, n := range []int{4_000, 1_000_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			d := NewDict(n)
			keys := make([][]byte, n)
			for i := range keys {
				keys[i] = []byte(strconv.Itoa(i * 7919 % 10_000_019))
				d.Code(keys[i])
			}
			i := 0
			for b.Loop() {
				d.Code(keys[i])
				if i += 1; i == n {
					i = 0
				}
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ text, integer, float string }{
		{"0", "0", "0"}, {"-7", "-7", "-7"}, {"+7", "7", "7"}, {"007", "7", "7"},
		{"9223372036854775807", "9223372036854775807", "9.223372036854775807e18"},
		{"-9223372036854775808", "-9223372036854775808", "-9.223372036854775808e18"},
		{"9223372036854775808", "", "9223372036854775808"},
		{"99999999999999999999", "", "1e20"},
		{"1.5", "", "1.5"}, {".5", "", "0.5"}, {"5.", "", "5"}, {"-0.1", "", "-0.1"}, {"1e3", "", "1000"}, {"123456789012345.6", "", "123456789012345.6"},
		{"", "", ""}, {"-", "", ""}, {".", "", ""}, {"1.2.3", "", ""}, {"1_000", "", ""}, {"0x10", "", ""}, {"inf", "", ""}, {"NaN", "", ""}, {"1e400", "", ""}, {" 1", "", ""}, {"1,5", "", ""},
	} {
		if n, ok := ParseInt([]byte(c.text)); ok != (c.integer != "") || (ok && fmt.Sprint(n) != c.integer) {
			t.Errorf("ParseInt(%q) = %d, %v, want %q", c.text, n, ok, c.integer)
		}
		want, _ := strconv.ParseFloat(c.float, 64)
		if f, ok := ParseFloat([]byte(c.text)); ok != (c.float != "") || (ok && f != want) {
			t.Errorf("ParseFloat(%q) = %v, %v, want %q", c.text, f, ok, c.float)
		}
	}
}

// FuzzParseFloat compares the short way with strconv.
func FuzzParseFloat(f *testing.F) {
	for _, s := range []string{"1.5", "-12345678901234.5", "0.000001", "1e3", "-0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := ParseFloat(b)
		want, err := strconv.ParseFloat(string(b), 64)
		if ok && (err != nil || got != want) {
			t.Fatalf("ParseFloat(%q) = %v, want %v, %v", b, got, want, err)
		}
		if !ok && err == nil && !bytes.ContainsAny(b, "xX_pPiInN") {
			t.Fatalf("ParseFloat(%q) refuses, want %v", b, want)
		}
	})
}
