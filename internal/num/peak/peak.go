// Package peak multiplies as fast as the processor can, for nothing. A kernel's share of that says how much there is
// left to gain.
package peak

// A Loop multiplies and adds.
type Loop struct {
	Name string
	Unit string      // of what is multiplied
	Run  func(n int) // n rounds
	Ops  float64     // multiplications and additions in a round, each counted
}
