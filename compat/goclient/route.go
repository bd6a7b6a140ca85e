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
	const getRouteInfoByTopic = 105
	a, err := ask(namesrv, getRouteInfoByTopic, map[string]string{"topic": topic})
	if err != nil || len(a.body) == 0 { // the topic is unknown
		return 0, err
	}
	var route struct {
		QueueDatas []struct {
			ReadQueueNums int `json:"readQueueNums"`
		} `json:"queueDatas"`
	}
	if err := json.Unmarshal(a.body, &route); err != nil || len(route.QueueDatas) == 0 {
		return 0, err
	}
	return route.QueueDatas[0].ReadQueueNums, nil
}

// answer is what a server says to a request.
type answer struct {
	Code   int    `json:"code"`
	Remark string `json:"remark"`
	body   []byte
}

// ask sends one request, as tools do, on a connection of its own.
func ask(addr string, code int, fields map[string]string) (*answer, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	const version409 = 409
	header, err := json.Marshal(map[string]any{
		"code": code, "flag": 0, "language": "GO", "opaque": 1, "version": version409,
		"serializeTypeCurrentRPC": "JSON", "extFields": fields,
	})
	if err != nil {
		return nil, err
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(header)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(header)))
	if _, err := c.Write(append(frame, header...)); err != nil {
		return nil, err
	}
	var lengths [8]byte
	if _, err := io.ReadFull(c, lengths[:]); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(lengths[:])-4)
	if _, err := io.ReadFull(c, rest); err != nil {
		return nil, err
	}
	head := binary.BigEndian.Uint32(lengths[4:]) & 0xFFFFFF
	a := &answer{body: rest[head:]}
	return a, json.Unmarshal(rest[:head], a)
}
