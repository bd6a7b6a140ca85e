package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Warning is a key that was accepted but does not do what its writer may expect.
type Warning struct {
	Where string // the file, "-D" or "flag"
	Key   string
	Text  string // what is wrong, and the way out
}

func (w Warning) String() string { return w.Where + ": " + w.Key + ": " + w.Text }

// warn makes a warning for each unknown key, naming the nearest known one.
func warn(where string, unknown map[string]string, objs []any) []Warning {
	var list []Warning
	for _, key := range slices.Sorted(maps.Keys(unknown)) {
		switch {
		case key == keyAddressDomain || key == keyAddressGroup || key == "":
		case isSystem(key) && where != "-D":
			list = append(list, Warning{where, key, "is a system property: give it as -D " + key + "=…"})
		default:
			text := "unknown key"
			if near := nearest(key, objs); near != "" {
				text += "; did you mean " + near + "?"
			}
			list = append(list, Warning{where, clip(key), text})
		}
	}
	return list
}

func isSystem(key string) bool {
	return slices.ContainsFunc(Options(System{}), func(o Option) bool { return o.Key == key })
}

// idle warns of the keys among values that have no effect yet and were set to something
// else than their default. Options accepted for good stay silent: no file that Java runs
// with should cause a page of warnings.
func idle(where string, values map[string]string, objs []any, h *Host) []Warning {
	var list []Warning
	for _, obj := range objs {
		fresh := reflect.New(reflect.TypeOf(obj).Elem())
		setDefaults(h, fresh.Interface())
		is := reflect.ValueOf(obj).Elem()
		for _, o := range Options(obj) {
			_, given := values[o.Key]
			if given && o.Status.Kind == NotYet && !is.Field(o.field).Equal(fresh.Elem().Field(o.field)) {
				list = append(list, Warning{where, o.Key, "has no effect yet: " + o.Status.Why})
			}
		}
	}
	return list
}

// nearest finds the known key with the smallest edit distance, none if all are far.
func nearest(key string, objs []any) string {
	if len(key) > 100 {
		return ""
	}
	best, at := "", max(2, len(key)/3)+1
	for _, obj := range objs {
		for _, o := range Options(obj) {
			if d := distance(strings.ToLower(key), strings.ToLower(o.Key)); d < at {
				best, at = o.Key, d
			}
		}
	}
	return best
}

// distance is Levenshtein's: the least number of bytes put in, taken out or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
