package namesrv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringmq/internal/client"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
)

// productTimeout bounds the asking of all product name servers for one topic.
const productTimeout = 3 * time.Second

// product is the other environment of a test cluster (ClusterTestRequestProcessor): its name
// servers are asked for topics that are unknown here.
type product struct {
	addrs []string
	pool  *client.Pool
}

var errNoProduct = errors.New("no name server of the product environment is known")

func newProduct(addrs []string) *product {
	return &product{addrs: addrs, pool: client.NewPool(len(addrs), client.Options{})}
}

// lookup asks one name server after the other until one knows the topic.
func (p *product) lookup(topic string) (wire.TopicRouteData, error) {
	ctx, cancel := context.WithTimeout(context.Background(), productTimeout)
	defer cancel()
	err := errNoProduct
	for _, addr := range p.addrs {
		var route wire.TopicRouteData
		if route, err = p.ask(ctx, addr, topic); err == nil {
			return route, nil
		}
	}
	return wire.TopicRouteData{}, err
}

func (p *product) ask(ctx context.Context, addr, topic string) (route wire.TopicRouteData, err error) {
	answer, err := p.pool.Call(ctx, addr, wire.CodeGetRouteinfoByTopic, &wire.GetRouteinfoByTopicRequest{Topic: topic}, nil)
	if err != nil {
		return route, err
	}
	if err := client.Failure(answer); err != nil {
		return route, fmt.Errorf("%s: %w", addr, err)
	}
	if err := fastjson.Unmarshal(answer.Body, &route); err != nil {
		return route, fmt.Errorf("%s: route of %s: %w", addr, topic, err)
	}
	return route, nil
}

func (p *product) close() error { return p.pool.Close() }
