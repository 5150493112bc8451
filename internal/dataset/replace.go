package dataset

// Replace checks that a schema may take the place of s: it has every field as it is, and what it adds can be
// null, for the records there are have no value for it. It returns the names of the fields added; what is
// wrong is fault.Invalid.
func (s *Schema) Replace(by *Schema) (added []string, err error) {
	for _, old := range s.Fields {
		i := by.index(old.Name)
		if i < 0 || by.Fields[i].Name != old.Name {
			return nil, invalid("The new schema has no field %s: it must keep every field of the old one.", old.Name)
		}
		if by.Fields[i] != old {
			return nil, invalid("Field %s is not as it was: a field that is kept must keep its type and attributes.", old.Name)
		}
	}
	for _, f := range by.Fields {
		if s.has(f.Name) {
			continue
		}
		if !f.Nullable {
			return nil, invalid("Field %s is new and cannot be null: the type of an added field must be a union with null.", f.Name)
		}
		added = append(added, f.Name)
	}
	return added, nil
}
