package exchange

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"ringmq/compat/raw"
	"ringmq/compat/target"
)

// RunMended hands over a store that is harmed once, behind Java's back, and goes through the target's tools each time that the
// target has had it; both programs acknowledge from their staging memory and warm their files, and
// the target seals its records.
//
//	Java ─► a bit of a record flips ─► store check, which tells, store rebuild ─► target ─► store rebuild --fill-damage ─► Java ─► …
//
// Nothing but that record may be missing, for either of them.
func RunMended(ctx context.Context, o Options) {
	if o.Target.Kind != target.Ringmq {
		o.Board.Skip(o.Name, "Java has no tools for a harmed store")
		return
	}
	m := &mended{newExchange(o)}
	m.beside = m.harmTopic
	m.more = target.Options{
		"transientStorePoolEnable": "true", "transientStorePoolSize": "3", "warmMapedFileEnable": "true",
		"enabledAppendPropCRC": "true", // which Java 4.9 does not know: to it the checksum is a property as any other
	}
	m.play(func(by *target.Target, last target.Kind) string {
		if last == "" {
			return fmt.Sprintf("%s writes, a bit flips", by.Kind)
		}
		return fmt.Sprintf("%s opens what %s wrote, goes on, all is checked and made again", by.Kind, last)
	}, func(by *target.Target, phase int) error { return m.phase(ctx, by, phase) })
}

// mended is one run; it belongs to the goroutine of RunMended.
type mended struct{ *exchange }

const (
	harmTopic    = "ex_harm"
	harmMessages = 50
	harmed       = 20
)

func harmBody(n int) string { return fmt.Sprintf("harm, message %d of the topic", n) }

func (m *mended) phase(ctx context.Context, by *target.Target, phase int) error {
	if err := m.exchange.phase(ctx, by, phase); err != nil {
		return err
	}
	if phase == 0 {
		return m.harm(ctx)
	}
	if by.Kind != target.Ringmq {
		return nil
	}
	if out, err := m.tool(ctx, "rebuild", "--fill-damage"); err != nil {
		return fmt.Errorf("store rebuild: %w: %s", err, out)
	}
	if out, err := m.tool(ctx, "check"); err != nil {
		return fmt.Errorf("store check finds fault with what was made again: %w: %s", err, out)
	}
	return nil
}

// harm flips a bit; the tools have to tell, and to make the queues fit.
func (m *mended) harm(ctx context.Context) error {
	if out, err := m.tool(ctx, "check"); err != nil {
		return fmt.Errorf("store check finds fault with what Java wrote: %w: %s", err, out)
	}
	if err := m.flip(); err != nil {
		return err
	}
	if out, err := m.tool(ctx, "check"); err == nil || !bytes.Contains(out, []byte("want BODYCRC")) {
		return fmt.Errorf("store check does not tell of the harmed record: %w: %s", err, out)
	}
	if out, err := m.tool(ctx, "rebuild"); err != nil {
		return fmt.Errorf("store rebuild: %w: %s", err, out)
	}
	report, err := os.ReadFile(filepath.Join(m.Store, "ringmq", "damage.log"))
	if err == nil && !bytes.Contains(report, []byte("BODYCRC")) {
		err = fmt.Errorf("the harmed record is not reported: %q", report)
	}
	return err
}

// tool runs `ringmq store` on the store.
func (m *mended) tool(ctx context.Context, args ...string) ([]byte, error) {
	return exec.CommandContext(ctx, m.Target.Binary, append(append([]string{"store"}, args...), m.Store)...).CombinedOutput()
}

// harmTopic writes the topic, or sees that all its messages but the harmed one are there.
func (m *mended) harmTopic(ctx context.Context, c *raw.Conn, phase int) error {
	if phase == 0 {
		if err := c.CreateTopic(ctx, harmTopic, 1); err != nil {
			return err
		}
		for n := range harmMessages {
			if _, err := c.Send(ctx, harmTopic, 0, raw.Properties("TAGS", "harm"), []byte(harmBody(n))); err != nil {
				return err
			}
		}
		return nil
	}
	missing := map[string]bool{}
	for n := range harmMessages {
		missing[harmBody(n)] = true
	}
	for next := int64(0); next < harmMessages; {
		p, err := c.Pull(ctx, "CG_ex_reader", harmTopic, 0, next, 32)
		if err != nil {
			return err
		}
		if p.Next <= next {
			return fmt.Errorf("pull of %s at %d answers %d %q and goes on at %d", harmTopic, next, p.Code, p.Remark, p.Next)
		}
		for _, r := range p.Records {
			delete(missing, string(r.Body))
		}
		next = p.Next
	}
	if got := slices.Collect(maps.Keys(missing)); len(got) != 1 || got[0] != harmBody(harmed) {
		return fmt.Errorf("%s misses %q, and may only miss %q", harmTopic, got, harmBody(harmed))
	}
	return nil
}

// flip changes a bit of a message's body in the commit log.
func (m *mended) flip() error {
	body := []byte(harmBody(harmed))
	flipped := 0
	err := filepath.WalkDir(filepath.Join(m.Store, "commitlog"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		at := bytes.Index(b, body)
		if at < 0 {
			return nil
		}
		flipped++
		b[at+len(body)/2] ^= 4
		return os.WriteFile(path, b, 0o644)
	})
	if err == nil && flipped != 1 {
		err = fmt.Errorf("%q lies in %d files", body, flipped)
	}
	return err
}
