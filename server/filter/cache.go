package filter

import (
	"sync"

	"ringmq/server/filter/sql92"
)

// maxCached is how many expressions a cache keeps (SelectorParser.PARSE_CACHE).
const maxCached = 100

// Cache remembers what the expressions that pulls bring along compile to: clients send the same ones
// again and again. The zero value is ready; any goroutine may use it.
type Cache struct {
	mu   sync.Mutex
	sql  map[string]Match // under mu
	size int              // bytes of text; under mu
}

// maxCachedBytes bounds the text of the expressions in a cache.
const maxCachedBytes = 1 << 20

// Match compiles an expression; nil if it does not compile.
func (c *Cache) Match(kind, expression []byte) Match {
	if string(kind) != "SQL92" || len(expression) > sql92.MaxLength {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.sql[string(expression)]; ok {
		return m
	}
	text := string(expression)
	m, err := Compile(string(kind), text)
	if err != nil {
		m = nil
	}
	if c.sql == nil || len(c.sql) == maxCached || c.size+len(text) > maxCachedBytes {
		c.sql, c.size = make(map[string]Match), 0
	}
	c.sql[text] = m
	c.size += len(text)
	return m
}
