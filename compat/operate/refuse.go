package operate

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ringmq/compat/raw"
	"ringmq/compat/target"
)

// made is a store with two topics whose second creation has left a backup of the first, its broker ended.
func (s *site) made(ctx context.Context) (topics string, err error) {
	broker, err := s.broker(ctx, "", nil)
	if err != nil {
		return "", err
	}
	defer broker.Kill()
	c, err := raw.Dial(ctx, broker.Addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	for _, name := range []string{topic, "operate_second"} {
		if err := c.CreateTopic(ctx, name, 1); err != nil {
			return "", err
		}
	}
	if err := exchange(ctx, broker.Addr); err != nil {
		return "", err
	}
	return filepath.Join(s.store, "config", "topics.json"), broker.Stop()
}

func backup(ctx context.Context, s *site) error {
	return s.damaged(ctx, "topics.json")
}

func noBackup(ctx context.Context, s *site) error {
	return s.damaged(ctx, "topics.json", "topics.json.bak")
}

// damaged harms files of topics, and wants the topic that has a message to be known all the same.
func (s *site) damaged(ctx context.Context, names ...string) error {
	topics, err := s.made(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(filepath.Dir(topics), name), []byte(`{"topicConfigTable":{"oper`), 0o644); err != nil {
			return err
		}
	}
	broker, err := s.broker(ctx, "", nil)
	if err != nil {
		return err
	}
	defer broker.Kill()
	c, err := raw.Dial(ctx, broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	known, err := c.Topics(ctx)
	if err == nil && known[topic].Read != 1 {
		err = fmt.Errorf("the first topic has %d queues, want 1", known[topic].Read)
	}
	return err
}

// refused starts a broker that must not come up, wants the words in its output, and every file as it was (the Java
// broker adds backups of its files).
func (s *site) refused(port int, o target.Options, words ...string) error {
	before, err := files(s.store)
	if err != nil {
		return err
	}
	output, err := s.Refused(s.store, port, small.With(o))
	if err != nil {
		return err
	}
	after, err := files(s.store)
	if err != nil {
		return err
	}
	for _, file := range before {
		if !slices.Contains(after, file) {
			return fmt.Errorf("of the files %s has changed or is gone; there are %s", file, after)
		}
	}
	if s.Kind == target.Java {
		return nil // it says it in its log
	}
	for _, word := range words {
		if !strings.Contains(output, word) {
			return fmt.Errorf("%q is not in its output: %s", word, output)
		}
	}
	return nil
}

// files lists what lies below a path, with sizes. The files of locking and of state that every start touches are left out.
func files(root string) ([]string, error) {
	var out []string
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if os.IsNotExist(err) && path == root {
			return nil
		}
		if err == nil && !info.IsDir() && !slices.Contains([]string{"lock", "abort"}, info.Name()) {
			out = append(out, fmt.Sprintf("%s:%d", strings.TrimPrefix(path, root), info.Size()))
		}
		return err
	})
	return out, err
}

func wrongSize(ctx context.Context, s *site) error {
	if _, err := s.made(ctx); err != nil {
		return err
	}
	file := filepath.Join(s.store, "commitlog", strings.Repeat("0", 20))
	if err := os.Truncate(file, 1000); err != nil {
		return err
	}
	port, err := s.Ports.Take()
	if err != nil {
		return err
	}
	return s.refused(port, nil, file)
}

func secondBroker(ctx context.Context, s *site) error {
	first, err := s.broker(ctx, "", nil)
	if err != nil {
		return err
	}
	defer first.Kill()
	if err := exchange(ctx, first.Addr); err != nil {
		return err
	}
	port, err := s.Ports.Take()
	if err != nil {
		return err
	}
	if err := s.refused(port, nil, s.store, "another broker"); err != nil {
		return err
	}
	if err := exchange(ctx, first.Addr); err != nil {
		return fmt.Errorf("the first broker: %w", err)
	}
	return first.Stop()
}

func portInUse(_ context.Context, s *site) error {
	port, err := s.Ports.Take()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	defer l.Close()
	output, err := s.Refused(s.store, port, small)
	if err == nil && !strings.Contains(output, fmt.Sprint(port)) {
		err = fmt.Errorf("the port is not in its output: %s", output)
	}
	return err
}

func noFolder(_ context.Context, s *site) error {
	if err := os.WriteFile(s.store, []byte("a file"), 0o644); err != nil {
		return err
	}
	port, err := s.Ports.Take()
	if err != nil {
		return err
	}
	return s.refused(port, nil, s.store)
}

func unknownOption(ctx context.Context, s *site) error {
	broker, err := s.broker(ctx, "", target.Options{"brokerNmae": "x"})
	if err != nil {
		return err
	}
	broker.Kill()
	output := broker.Tail()
	if !strings.Contains(output, "brokerNmae") || !strings.Contains(output, "brokerName") {
		return fmt.Errorf("no warning in its output: %s", output)
	}
	return nil
}
