package main

import "slices"

// hashOrder returns the fields that have a key in the order in which Java writes them: headers go through a
// java.util.HashMap, whose iteration order follows from the keys' hashes alone. Writing them so makes
// our frames equal to Java's byte by byte, which is what the goldens compare.
//
// A HashMap has 16 buckets and doubles with its 13th key. Where a header has more than twelve fields and
// some are absent, Java's order may differ from ours; nothing depends on it.
func hashOrder(fields []field, key func(field) string) []field {
	sorted := slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return key(f) == "" })
	buckets := uint32(16)
	if len(sorted) > 12 {
		buckets = 32
	}
	slices.SortStableFunc(sorted, func(a, b field) int {
		return int(bucket(key(a), buckets)) - int(bucket(key(b), buckets))
	})
	return sorted
}

// bucket is HashMap's index for an ASCII key.
func bucket(key string, buckets uint32) uint32 {
	h := uint32(0)
	for i := range len(key) {
		h = 31*h + uint32(key[i])
	}
	return (h ^ h>>16) & (buckets - 1)
}
