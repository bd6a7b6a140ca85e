package operate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"ringmq/compat/raw"
	"ringmq/compat/target"
)

func namesrvAway(ctx context.Context, s *site) error {
	port, err := s.Ports.Take()
	if err != nil {
		return err
	}
	const period = 10 * time.Second // the shortest that the option takes
	options := target.Options{"registerNameServerPeriod": fmt.Sprint(period.Milliseconds())}
	broker, err := s.broker(ctx, fmt.Sprintf("127.0.0.1:%d", port), options)
	if err != nil {
		return err
	}
	defer broker.Kill()
	if err := exchange(ctx, broker.Addr); err != nil {
		return fmt.Errorf("without a name server: %w", err)
	}
	for _, when := range []string{"when it comes", "when it comes back"} {
		namesrv, err := s.Namesrv(ctx, port, nil)
		if err != nil {
			return err
		}
		err = await(ctx, namesrv.Addr, broker.Addr, true, 2*period+5*time.Second)
		namesrv.Kill()
		if err != nil {
			return fmt.Errorf("%s: %w", when, err)
		}
	}
	return nil
}

func forgotten(ctx context.Context, s *site) error {
	namesrv, err := s.Namesrv(ctx, 0, nil)
	if err != nil {
		return err
	}
	defer namesrv.Kill()
	for _, end := range []struct {
		how string
		run func(*target.Server) error
	}{
		{"ended", func(b *target.Server) error { return b.Stop() }},
		{"killed", func(b *target.Server) error { b.Kill(); return nil }},
	} {
		broker, err := s.broker(ctx, namesrv.Addr, nil)
		if err != nil {
			return err
		}
		defer broker.Kill()
		if err := await(ctx, namesrv.Addr, broker.Addr, true, 20*time.Second); err != nil {
			return err
		}
		if err := end.run(broker); err != nil {
			return err
		}
		if err := await(ctx, namesrv.Addr, broker.Addr, false, 5*time.Second); err != nil {
			return fmt.Errorf("%s: %w", end.how, err)
		}
	}
	return nil
}

func twoNamesrvs(ctx context.Context, s *site) error {
	var list string
	var namesrvs []*target.Server
	for range 2 {
		namesrv, err := s.Namesrv(ctx, 0, nil)
		if err != nil {
			return err
		}
		defer namesrv.Kill()
		namesrvs = append(namesrvs, namesrv)
		list += namesrv.Addr + ";"
	}
	broker, err := s.broker(ctx, list[:len(list)-1], nil)
	if err != nil {
		return err
	}
	defer broker.Kill()
	for _, namesrv := range namesrvs {
		if err := await(ctx, namesrv.Addr, broker.Addr, true, 20*time.Second); err != nil {
			return err
		}
	}
	return nil
}

func keyValues(ctx context.Context, s *site) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	options := target.Options{"kvConfigPath": s.store + ".kvConfig.json"}
	for _, code := range []int{raw.CodePutKV, raw.CodeGetKV} {
		namesrv, err := s.Namesrv(ctx, 0, options)
		if err != nil {
			return err
		}
		defer namesrv.Kill()
		c, err := raw.Dial(ctx, namesrv.Addr)
		if err != nil {
			return err
		}
		defer c.Close()
		r, err := c.Want(ctx, code, map[string]string{"namespace": "операции", "key": "k", "value": "a;b:8"}, nil)
		if err != nil {
			return err
		}
		if code == raw.CodeGetKV && r.Ext["value"] != "a;b:8" {
			return fmt.Errorf("the value is %q", r.Ext["value"])
		}
		namesrv.Kill()
	}
	return nil
}

func standalone(ctx context.Context, s *site) error {
	namesrv, err := s.Ports.Take()
	if err != nil {
		return err
	}
	port, err := s.Ports.Take()
	if err != nil {
		return err
	}
	home := filepath.Join(s.Dir, "standalone")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	p, err := target.Start(home, []string{
		s.Binary, "standalone", "--data", s.store, "--namesrv-port", strconv.Itoa(namesrv), "--broker-port", strconv.Itoa(port),
		"-o", "brokerIP1=127.0.0.1", "-o", "mappedFileSizeCommitLog=" + small["mappedFileSizeCommitLog"],
	}, nil)
	if err != nil {
		return err
	}
	defer p.Kill()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	broker := fmt.Sprintf("127.0.0.1:%d", port)
	if err := p.Ready(ctx, broker); err != nil {
		return err
	}
	if err := await(ctx, fmt.Sprintf("127.0.0.1:%d", namesrv), broker, true, 10*time.Second); err != nil {
		return err
	}
	if err := exchange(ctx, broker); err != nil {
		return err
	}
	if err := p.StopBy(syscall.SIGINT); err != nil {
		return err
	}
	if err := p.Wait(); err != nil {
		return fmt.Errorf("ended with %w; its output: %s", err, p.Tail())
	}
	return nil
}
