package personal

// AlwaysBlend is the recipe without a contest, which the blend has won.
func AlwaysBlend(r Recipe) Recipe {
	r.blends = true
	return r
}

// FamilyOf is what a model's artifact says.
var FamilyOf = Recipe.familyOf
