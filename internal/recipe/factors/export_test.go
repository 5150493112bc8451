package factors

// ColdStartOf is ColdStart with other bounds on the number of cold items.
func ColdStartOf(least, most int) Recipe {
	r := ColdStart()
	r.cold = &bounds{least, most}
	return r
}
