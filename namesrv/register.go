package namesrv

import (
	"fmt"

	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
	"ringmq/namesrv/kv"
	"ringmq/namesrv/route"
)

// filterServerVersion is V3_0_11, since when the body of a registration carries filter
// servers beside the topics.
const filterServerVersion = 37

// registerBroker serves 103.
func (s *Server) registerBroker(r *request) reply {
	var h wire.RegisterBrokerRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	if h.BodyCrc32 != 0 && wire.BodyCRC32(r.cmd.Body) != h.BodyCrc32 {
		return reply{status: wire.StatusSystemError, remark: "crc32 not match", header: &wire.RegisterBrokerResponse{}}
	}
	topics, filters, err := registerBody(r.cmd, h.Compressed)
	if err != nil {
		return failed(wire.StatusSystemError, "Failed to decode RegisterBrokerBody: "+err.Error())
	}
	done, err := s.table.Register(route.Registration{
		Cluster: h.ClusterName,
		Broker:  h.BrokerName,
		Addr:    h.BrokerAddr,
		ID:      h.BrokerID,
		HAAddr:  h.HaServerAddr,
		Version: topics.DataVersion,
		Topics:  topics.TopicConfigTable,
		Filters: filters,
		Link:    r.link,
	})
	if err != nil {
		s.log.Warn("registration refused", "broker", h.BrokerName, "addr", h.BrokerAddr, "cause", err)
		return invalid(err)
	}
	if done.Refused > 0 {
		s.log.Warn("registration with senseless topics, they are left out",
			"broker", h.BrokerName, "addr", h.BrokerAddr, "count", done.Refused, "one", done.RefusedTopic)
	}
	res := &wire.RegisterBrokerResponse{HaServerAddr: done.MasterHAAddr, MasterAddr: done.MasterAddr}
	order, has := s.kv.Namespace(kv.OrderTopicConfig)
	if !has {
		return ok(res, nil)
	}
	body, err := fastjson.Marshal(&wire.KVTable{Table: order})
	if err != nil {
		return invalid(err)
	}
	return ok(res, body)
}

// registerBody reads the body of 103 in the form of the sender's version. Filters are nil
// where the form has none.
func registerBody(cmd *wire.Command, compressed bool) (topics wire.TopicConfigSerializeWrapper, filters []string, err error) {
	if cmd.Version < filterServerVersion {
		if cmd.Body != nil {
			err = fastjson.Unmarshal(cmd.Body, &topics)
		}
		return topics, nil, err
	}
	var body wire.RegisterBrokerBody
	switch {
	case cmd.Body == nil:
	case compressed:
		err = body.DecodeCompressed(cmd.Body)
	default:
		err = fastjson.Unmarshal(cmd.Body, &body)
	}
	filters = body.FilterServerList
	if filters == nil {
		filters = []string{}
	}
	return body.TopicConfigSerializeWrapper, filters, err
}

// unregisterBroker serves 104.
func (s *Server) unregisterBroker(r *request) reply {
	var h wire.UnregisterBrokerRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	known := s.table.Unregister(h.BrokerName, h.BrokerAddr, h.BrokerID)
	s.log.Info("broker unregistered", "broker", h.BrokerName, "addr", h.BrokerAddr, "id", h.BrokerID, "known", known)
	return ok(nil, nil)
}

// queryDataVersion serves 322: must the broker register, or is a sign of life enough?
func (s *Server) queryDataVersion(r *request) reply {
	var h wire.QueryDataVersionRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	var theirs wire.DataVersion
	if err := fastjson.Unmarshal(r.cmd.Body, &theirs); err != nil {
		return invalid(fmt.Errorf("the body is no DataVersion: %w", err))
	}
	ours, known := s.table.Version(h.BrokerAddr)
	if !known {
		return ok(&wire.QueryDataVersionResponse{Changed: true}, nil)
	}
	changed := ours != theirs
	if !changed {
		s.table.Touch(h.BrokerAddr)
	}
	body, err := fastjson.Marshal(&ours)
	if err != nil {
		return invalid(err)
	}
	return ok(&wire.QueryDataVersionResponse{Changed: changed}, body)
}
