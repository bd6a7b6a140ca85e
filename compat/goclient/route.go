package main

import (
	"encoding/json"
	"fmt"
	"time"
)

// awaitRoute asks the name server itself: the Go client has no call for it, and looks by itself
// only every 30 s.
func awaitRoute(namesrv, topic string, queues int) {
	awaitRouteWithin(10*time.Second, namesrv, topic, queues)
}

func awaitRouteWithin(within time.Duration, namesrv, topic string, queues int) {
	await(within, func() string { return fmt.Sprintf("a route of %s with %d queues", topic, queues) }, func() bool {
		got, err := routeQueues(namesrv, topic)
		must("ask for the route of "+topic, err)
		return got == queues
	})
}

// routeQueues returns how many queues the name server knows of a topic, 0 for none.
func routeQueues(namesrv, topic string) (int, error) {
	data, err := routeOf(namesrv, topic)
	return data.ReadQueueNums, err
}

// queueData is what the name server says of a topic at the one broker; zero while it does not know it.
type queueData struct {
	ReadQueueNums int `json:"readQueueNums"`
	Perm          int `json:"perm"`
	TopicSysFlag  int `json:"topicSysFlag"`
}

func routeOf(namesrv, topic string) (queueData, error) {
	const getRouteInfoByTopic = 105
	a, err := ask(namesrv, getRouteInfoByTopic, map[string]string{"topic": topic})
	if err != nil || len(a.body) == 0 { // the topic is unknown
		return queueData{}, err
	}
	var route struct {
		QueueDatas []queueData `json:"queueDatas"`
	}
	if err := json.Unmarshal(a.body, &route); err != nil || len(route.QueueDatas) == 0 {
		return queueData{}, err
	}
	return route.QueueDatas[0], nil
}
