package fastjson

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// maxDepth bounds nesting on the way in and out; RocketMQ's deepest body has eight levels.
const maxDepth = 64

// Defaulter is a struct whose fields do not start with their zero values: Unmarshal calls SetDefaults on a
// fresh one before it reads what the input says, as Java runs a bean's constructor.
type Defaulter interface{ SetDefaults() }

var defaulterType = reflect.TypeFor[Defaulter]()

// structInfo is what both directions need to know of a struct type.
type structInfo struct {
	fields   []fieldInfo // by name, the order of writing
	byName   map[string]int
	defaults bool // *T is a Defaulter
}

type fieldInfo struct {
	index     int
	name      string
	prefix    []byte // "name":
	omitEmpty bool
}

var structInfos sync.Map // reflect.Type → *structInfo

func structInfoOf(t reflect.Type) *structInfo {
	if s, ok := structInfos.Load(t); ok {
		return s.(*structInfo)
	}
	s := &structInfo{byName: map[string]int{}, defaults: reflect.PointerTo(t).Implements(defaulterType)}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		prefix := append(AppendEscaped([]byte{'"'}, name), '"', ':')
		s.fields = append(s.fields, fieldInfo{i, name, prefix, options == "omitempty"})
	}
	slices.SortFunc(s.fields, func(a, b fieldInfo) int { return strings.Compare(a.name, b.name) })
	for i, f := range s.fields {
		s.byName[f.name] = i
	}
	stored, _ := structInfos.LoadOrStore(t, s)
	return stored.(*structInfo)
}
