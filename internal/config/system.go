package config

// System holds what Java reads from system properties: `-D key=value`, never a file.
type System struct {
	SerializeType        string  `key:"rocketmq.serialize.type" default:"$ROCKETMQ_SERIALIZE_TYPE, else JSON" range:"JSON|ROCKETMQ" status:"json" doc:"header form of requests this process sends"`
	FrameMaxLength       int     `key:"com.rocketmq.remoting.frameMaxLength" default:"16777216" unit:"bytes" range:"1024..1073741824" doc:"largest frame accepted"`
	LockMaxLiveTime      int64   `key:"rocketmq.broker.rebalance.lockMaxLiveTime" default:"60000" unit:"ms" range:"1.." doc:"a queue lock expires after"`
	DiskWarningRatio     float64 `key:"rocketmq.broker.diskSpaceWarningLevelRatio" default:"0.9" range:"0..1" doc:"above it sends are refused"`
	DiskCleanRatio       float64 `key:"rocketmq.broker.diskSpaceCleanForciblyRatio" default:"0.85" range:"0..1" doc:"above it unexpired files are deleted"`
	MultiPathSplitter    string  `key:"rocketmq.broker.multiPathSplitter" default:"," status:"folders" doc:"between CommitLog folders"`
	AddressServerDomain  string  `key:"rocketmq.namesrv.domain" default:"jmenv.tbsite.net" status:"address" doc:"host of the address server; file key rmqAddressServerDomain"`
	AddressServerGroup   string  `key:"rocketmq.namesrv.domain.subgroup" default:"nsaddr" status:"address" doc:"path at the address server; file key rmqAddressServerSubGroup"`
	ACLFile              string  `key:"rocketmq.acl.plain.file" default:"conf/plain_acl.yml" status:"acl" doc:"account file, relative to rocketmqHome"`
	TLSServerMode        string  `key:"tls.server.mode" default:"permissive" range:"disabled|permissive|enforcing" status:"tls" doc:"whether clients may or must use TLS"`
	TLSEnable            bool    `key:"tls.enable" default:"false" status:"tls" doc:"TLS for connections this process opens"`
	TLSConfigFile        string  `key:"tls.config.file" default:"/etc/rocketmq/tls.properties" status:"tls" doc:"overrides the other tls properties"`
	TLSTestModeEnable    bool    `key:"tls.test.mode.enable" default:"true" status:"tls" doc:"serve with a self-made certificate"`
	TLSServerNeedAuth    string  `key:"tls.server.need.client.auth" default:"none" range:"none|optional|require" status:"tls" doc:"client certificates"`
	TLSServerKeyPath     string  `key:"tls.server.keyPath" default:"null" status:"tls" doc:"PEM key"`
	TLSServerKeyPassword string  `key:"tls.server.keyPassword" default:"null" secret:"yes" status:"tls" doc:"password of the key"`
	TLSServerCertPath    string  `key:"tls.server.certPath" default:"null" status:"tls" doc:"PEM certificate chain"`
	TLSServerAuthClient  bool    `key:"tls.server.authClient" default:"false" status:"tls" doc:"check client certificates against the trusted ones"`
	TLSServerTrustPath   string  `key:"tls.server.trustCertPath" default:"null" status:"tls" doc:"trusted certificates"`
	TLSClientKeyPath     string  `key:"tls.client.keyPath" default:"null" status:"tls" doc:"PEM key"`
	TLSClientKeyPassword string  `key:"tls.client.keyPassword" default:"null" secret:"yes" status:"tls" doc:"password of the key"`
	TLSClientCertPath    string  `key:"tls.client.certPath" default:"null" status:"tls" doc:"PEM certificate chain"`
	TLSClientAuthServer  bool    `key:"tls.client.authServer" default:"false" status:"tls" doc:"check the server's certificate"`
	TLSClientTrustPath   string  `key:"tls.client.trustCertPath" default:"null" status:"tls" doc:"trusted certificates"`
}
