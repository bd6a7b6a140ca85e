package namesrv

import (
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
	"ringmq/namesrv/kv"
)

// faq is how Java ends a remark that its manual explains (FAQUrl).
const faq = "\nSee http://rocketmq.apache.org/docs/faq/ for further details."

// standardJSONVersion is V4_9_4: clients from here on read the route as standard JSON.
const standardJSONVersion = 401

// topicRoute serves 105.
func (s *Server) topicRoute(r *request) reply {
	var h wire.GetRouteinfoByTopicRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	route, found := s.table.Lookup(h.Topic)
	conf := &s.config.Load().Namesrv
	if found && (conf.OrderMessageEnable || conf.ClusterTest) {
		route.OrderTopicConf, _ = s.kv.Get(kv.OrderTopicConfig, h.Topic)
	}
	if !found && s.product != nil {
		var err error
		if route, err = s.product.lookup(h.Topic); err != nil {
			s.log.Info("no route from the product environment", "productEnvName", conf.ProductEnvName, "topic", h.Topic, "cause", err)
		}
		found = err == nil
	}
	if !found {
		return failed(wire.StatusTopicNotExist, "No topic route info in name server for the topic: "+h.Topic+faq)
	}
	marshal := fastjson.Marshal
	if r.cmd.Version >= standardJSONVersion || h.AcceptStandardJsonOnly {
		marshal = fastjson.MarshalStandard
	}
	body, err := marshal(&route)
	if err != nil {
		return invalid(err)
	}
	return ok(nil, body)
}

// clusterInfo serves 106.
func (s *Server) clusterInfo(*request) reply {
	info := s.table.Clusters()
	return okJSON(&info)
}

// allTopics serves 206.
func (s *Server) allTopics(*request) reply { return topicList(s.table.Topics(), "") }

// clusterTopics serves 224.
func (s *Server) clusterTopics(r *request) reply {
	var h wire.GetTopicsByClusterRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	return topicList(s.table.ClusterTopics(h.Cluster), "")
}

// systemTopics serves 304.
func (s *Server) systemTopics(*request) reply { return topicList(s.table.SystemTopics()) }

// unitTopics serves 311.
func (s *Server) unitTopics(*request) reply { return topicList(s.table.UnitTopics(), "") }

// unitSubTopics serves 312.
func (s *Server) unitSubTopics(*request) reply { return topicList(s.table.UnitSubTopics(), "") }

// unitSubNonUnitTopics serves 313.
func (s *Server) unitSubNonUnitTopics(*request) reply {
	return topicList(s.table.UnitSubNonUnitTopics(), "")
}

func topicList(topics []string, brokerAddr string) reply {
	return okJSON(&wire.TopicList{TopicList: topics, BrokerAddr: brokerAddr})
}

// deleteTopic serves 216.
func (s *Server) deleteTopic(r *request) reply {
	var h wire.DeleteTopicInNamesrvRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	s.table.DeleteTopic(h.Topic, h.ClusterName)
	s.log.Info("topic deleted", "topic", h.Topic, "cluster", h.ClusterName)
	return ok(nil, nil)
}

// wipeWritePerm serves 205.
func (s *Server) wipeWritePerm(r *request) reply {
	var h wire.WipeWritePermOfBrokerRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	n := s.table.WipeWrite(h.BrokerName)
	s.log.Info("write permission wiped", "broker", h.BrokerName, "topics", n)
	return ok(&wire.WipeWritePermOfBrokerResponse{WipeTopicCount: int32(n)}, nil)
}

// addWritePerm serves 327.
func (s *Server) addWritePerm(r *request) reply {
	var h wire.AddWritePermOfBrokerRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	n := s.table.AddWrite(h.BrokerName)
	s.log.Info("write permission given", "broker", h.BrokerName, "topics", n)
	return ok(&wire.AddWritePermOfBrokerResponse{AddTopicCount: int32(n)}, nil)
}
