package config

// Namesrv holds the options of RocketMQ's NamesrvConfig.
type Namesrv struct {
	RocketmqHome       string `key:"rocketmqHome" default:"$ROCKETMQ_HOME" remote:"no" status:"home" doc:"install root"`
	KvConfigPath       string `key:"kvConfigPath" default:"$HOME/namesrv/kvConfig.json" remote:"no" doc:"KV store file"`
	ConfigStorePath    string `key:"configStorePath" default:"$HOME/namesrv/namesrv.properties" remote:"no" doc:"where request 318 persists; = the -c file when given"`
	ProductEnvName     string `key:"productEnvName" default:"center" doc:"environment of clusterTest"`
	ClusterTest        bool   `key:"clusterTest" default:"false" doc:"fall back to another environment for routes"`
	OrderMessageEnable bool   `key:"orderMessageEnable" default:"false" doc:"put orderTopicConf into route data"`
	ConfigBlackList    string `key:"configBlackList" default:"configBlackList;configStorePath;kvConfigPath" remote:"no" doc:"keys request 318 may not change (plus configBlackList, configStorePath, kvConfigPath, rocketmqHome always)"`
}
