package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"
)

// awaitRoute asks the name server itself: the Go client has no call for it, and looks by itself
// only every 30 s.
func awaitRoute(namesrv, topic string, queues int) {
	await(10*time.Second, func() string { return fmt.Sprintf("a route of %s with %d queues", topic, queues) }, func() bool {
		got, err := routeQueues(namesrv, topic)
		must("ask for the route of "+topic, err)
		return got == queues
	})
}

// routeQueues returns how many queues the name server knows of a topic, 0 for none.
func routeQueues(namesrv, topic string) (int, error) {
	c, err := net.DialTimeout("tcp", namesrv, 5*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	const getRouteInfoByTopic, version409 = 105, 409
	header, err := json.Marshal(map[string]any{
		"code": getRouteInfoByTopic, "flag": 0, "language": "GO", "opaque": 1, "version": version409,
		"serializeTypeCurrentRPC": "JSON", "extFields": map[string]string{"topic": topic},
	})
	if err != nil {
		return 0, err
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	if _, err := c.Write(append(frame, header...)); err != nil {
		return 0, err
	}
	var lengths [8]byte
	if _, err := io.ReadFull(c, lengths[:]); err != nil {
		return 0, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(lengths[:])-4)
	if _, err := io.ReadFull(c, rest); err != nil {
		return 0, err
	}
	body := rest[binary.BigEndian.Uint32(lengths[4:])&0xFFFFFF:]
	if len(body) == 0 {
		return 0, nil // the topic is unknown
	}
	var route struct {
		QueueDatas []struct {
			ReadQueueNums int `json:"readQueueNums"`
		} `json:"queueDatas"`
	}
	if err := json.Unmarshal(body, &route); err != nil || len(route.QueueDatas) == 0 {
		return 0, err
	}
	return route.QueueDatas[0].ReadQueueNums, nil
}
