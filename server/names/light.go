package names

// LightMap is a [Map] in which light names may have values without having been put. Such a value is made when it is
// first asked for, and kept apart: All and Len tell of what is configured.
type LightMap[V any] struct {
	*Map[V]
	enabled bool // set before use, as those below
	light   *Map[V]
	most    int // of light are kept; further ones are made each time
	make    func(name string) (v V, ok bool)
}

// NewLightMap returns an empty map. make makes the value of a light name, unless that may not be used; without enabled
// (enableLmq) the map is as a [Map].
func NewLightMap[V any](enabled bool, most int, make func(name string) (v V, ok bool)) *LightMap[V] {
	return &LightMap[V]{Map: NewMap[V](), enabled: enabled, light: NewMap[V](), most: most, make: make}
}

// Light tells whether a name has a value without having been put.
func (m *LightMap[V]) Light(name string) bool { return m.enabled && IsLight(name) }

// Get is [Map.Get].
func (m *LightMap[V]) Get(name []byte) (v V, ok bool) {
	if v, ok = m.Map.Get(name); ok || !m.enabled || !IsLight(name) {
		return v, ok
	}
	if v, ok = m.light.Get(name); ok {
		return v, true
	}
	return m.add(string(name))
}

// Find is Get for a name that is a string already.
func (m *LightMap[V]) Find(name string) (v V, ok bool) {
	if v, ok = m.Map.Find(name); ok || !m.Light(name) {
		return v, ok
	}
	if v, ok = m.light.Find(name); ok {
		return v, true
	}
	return m.add(name)
}

func (m *LightMap[V]) add(name string) (v V, ok bool) {
	fresh, ok := m.make(name)
	if !ok {
		return fresh, false
	}
	if v, ok = m.light.FindOrPut(name, m.most, func() V { return fresh }); ok {
		return v, true
	}
	return fresh, true
}
