package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Update sets the options of objs that changes names, or none of them when a value does
// not parse. It returns the keys it knew, sorted; the others are left alone, as
// Configuration.update does. Do not call it on options a running server reads:
// [BrokerFile.With] and [NamesrvFile.With] make a copy.
func Update(objs []any, changes map[string]string) (changed []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		for _, obj := range objs {
			for _, o := range Options(obj) {
				if o.Key != key {
					continue
				}
				if err := o.set(reflect.New(reflect.TypeOf(obj).Elem().Field(o.field).Type).Elem(), changes[key]); err != nil {
					return nil, err
				}
				if len(changed) == 0 || changed[len(changed)-1] != key {
					changed = append(changed, key)
				}
			}
		}
	}
	if _, err := assign(objs, changes); err != nil {
		return nil, err
	}
	return changed, nil
}

// ForbiddenError refuses a change that request 25 or 318 asks for: Java's NO_PERMISSION.
type ForbiddenError struct{ Key string }

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s cannot be changed from the network", e.Key)
}

// With returns a copy of f with the changes of request 25, and the keys that are known.
// The error is a *[ForbiddenError] when one of them may not change, or says which value
// does not parse; then nothing is changed.
func (f *BrokerFile) With(changes map[string]string) (*BrokerFile, []string, error) {
	next := *f
	if key := Forbidden(changes, f.Broker.ConfigBlackList, next.objects()...); key != "" {
		return nil, nil, &ForbiddenError{key}
	}
	known, err := Update(next.objects(), changes)
	next.Extra = withExtra(f.Extra, changes)
	return &next, known, err
}

// With is [BrokerFile.With] for a name server and request 318.
func (f *NamesrvFile) With(changes map[string]string) (*NamesrvFile, []string, error) {
	next := *f
	if key := Forbidden(changes, f.Namesrv.ConfigBlackList, next.objects()...); key != "" {
		return nil, nil, &ForbiddenError{key}
	}
	known, err := Update(next.objects(), changes)
	next.Extra = withExtra(f.Extra, changes)
	return &next, known, err
}

// withExtra is extra with new values for the keys it has.
func withExtra(extra, changes map[string]string) map[string]string {
	next := maps.Clone(extra)
	for k, v := range changes {
		if _, ok := next[k]; ok {
			next[k] = v
		}
	}
	return next
}

// Text is the answer to request 26 and what request 25 persists: every option and every
// extra key that does not look like a secret.
func (f *BrokerFile) Text() string { return withExtraLines(Properties(f.objects()...), f.Extra, false) }

// Text is the answer to request 319.
func (f *NamesrvFile) Text() string {
	return withExtraLines(Properties(f.objects()...), f.Extra, false)
}

// Important is what -m prints.
func (f *BrokerFile) Important() string { return Important(f.objects()...) }

// Persisted is the content of the file that request 25 writes: [BrokerFile.Text] with
// nothing left out, since the file is read back at the next start.
func (f *BrokerFile) Persisted() string { return withExtraLines(persisted(f.objects()), f.Extra, true) }

// Persisted is the content of the file that request 318 writes.
func (f *NamesrvFile) Persisted() string {
	return withExtraLines(persisted(f.objects()), f.Extra, true)
}

// persisted renders options under the keys they are read by.
func persisted(objs []any) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, obj := range objs {
		v := reflect.Indirect(reflect.ValueOf(obj))
		for _, o := range Options(obj) {
			if val := text(v.Field(o.field)); !seen[o.Key] && (val != "" || !o.unset()) {
				seen[o.Key] = true
				writeLine(&b, o.Key, val)
			}
		}
	}
	return b.String()
}

func withExtraLines(lines string, extra map[string]string, secrets bool) string {
	var b strings.Builder
	b.WriteString(lines)
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		if secrets || !looksSecret(k) {
			writeLine(&b, k, extra[k])
		}
	}
	return b.String()
}

// looksSecret guesses from the name of a key nobody knows.
func looksSecret(key string) bool {
	k := strings.ToLower(key)
	return strings.Contains(k, "secret") || strings.Contains(k, "password") || strings.Contains(k, "accesskey")
}
